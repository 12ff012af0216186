package io.spillway.main;

import io.spillway.config.StartRefusedException;
import io.spillway.object.ObjectStores;
import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemThreads;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.ToIntFunction;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** The commands beside {@code serve}, and the help of all of them. */
final class Commands {

  private Commands() {}

  /** Runs a command line; returns the exit code. */
  static int execute(List<String> arguments, PrintStream out, PrintStream err) {
    CommandLine commandLine = new CommandLine(root(out));
    commandLine.setOut(new PrintWriter(out, true, StandardCharsets.UTF_8));
    commandLine.setErr(new PrintWriter(err, true, StandardCharsets.UTF_8));
    commandLine.setUsageHelpWidth(100);
    commandLine.setParameterExceptionHandler(
        (exception, args) -> {
          err.println("spillway: " + whatIsWrong(exception));
          return ExitCode.REFUSED;
        });
    commandLine.setExecutionExceptionHandler(
        (exception, ignored, result) -> StartFailures.report(exception, err));
    return commandLine.execute(arguments.toArray(String[]::new));
  }

  /** A first word that is no command is far likelier a command mistyped than an argument. */
  private static String whatIsWrong(ParameterException exception) {
    CommandLine at = exception.getCommandLine();
    if (exception instanceof UnmatchedArgumentException unmatched
        && !at.getSubcommands().isEmpty()
        && !unmatched.getUnmatched().isEmpty()
        && !unmatched.getUnmatched().get(0).startsWith("-")) {
      return "no such command: %s; the commands of %s are %s"
          .formatted(
              unmatched.getUnmatched().get(0),
              at.getCommandSpec().qualifiedName(),
              String.join(", ", at.getSubcommands().keySet()));
    }
    return exception.getMessage() + ": see spillway --help";
  }

  private static CommandSpec root(PrintStream out) {
    CommandSpec root = command("spillway", Commands::usage);
    root.usageMessage()
        .description("A Kafka-compatible broker that keeps its data in an object store.")
        .synopsisSubcommandLabel("COMMAND")
        .footer(
            "",
            "Exit codes: 0 done, or stopped; 1 unexpected failure; 2 something has to be put",
            "right first, and one line says what; 3 the write-ahead log's device failed: start",
            "again, to recover.",
            "",
            "Environment of the launcher: JAVA_HOME, SPILLWAY_HEAP (512m), SPILLWAY_JAVA_OPTS,",
            "SPILLWAY_BUILD=never, SPILLWAY_CDS=off.");
    root.version(version());
    root.addOption(
        OptionSpec.builder("-V", "--version")
            .versionHelp(true)
            .description("Shows the versions of this program and of the JVM.")
            .build());
    root.addSubcommand("serve", serve());
    root.addSubcommand("inspect", InspectCommands.inspect(out));
    root.addSubcommand("wal", WalCommands.wal(out));
    root.addSubcommand("check", MaintainCommands.check(out));
    root.addSubcommand("backup", MaintainCommands.backup(out));
    root.addSubcommand("restore", MaintainCommands.restore(out));
    root.addSubcommand("version", version(out));
    return root;
  }

  /** For the help only: the main class runs {@code serve} itself. */
  private static CommandSpec serve() {
    CommandSpec serve = command("serve", Commands::usage);
    serve
        .usageMessage()
        .description(
            "Runs a broker until it is stopped; SIGTERM and SIGINT stop it cleanly.",
            "Without options: 127.0.0.1:9092, with data under ./spillway-data.",
            "docs/configuration.md lists the settings.");
    addServeOptions(serve);
    return serve;
  }

  /** The options that every command takes that reads the settings of a broker. */
  static void addServeOptions(CommandSpec serve) {
    serve.addOption(
        OptionSpec.builder(ServeOptions.CONFIG)
            .paramLabel("FILE")
            .type(String.class)
            .description("A properties file; Kafka's server.properties will do.")
            .build());
    serve.addOption(
        OptionSpec.builder(ServeOptions.SET)
            .paramLabel("NAME=VALUE")
            .type(List.class)
            .auxiliaryTypes(String.class)
            .description("A setting; counts more than the file. Repeatable.")
            .build());
  }

  private static CommandSpec version(PrintStream out) {
    CommandSpec spec =
        command(
            "version",
            result -> {
              out.println(version());
              return ExitCode.OK;
            });
    spec.usageMessage().description("Shows the version of this program and of the JVM.");
    return spec;
  }

  private static String version() {
    String version = Commands.class.getPackage().getImplementationVersion();
    return "spillway "
        + (version == null ? "(not from a jar)" : version)
        + ", Java "
        + Runtime.version();
  }

  static int usage(ParseResult result) {
    CommandLine commandLine = result.commandSpec().commandLine();
    commandLine.usage(commandLine.getOut());
    return ExitCode.OK;
  }

  /** A command that does what the action does with its own part of the command line. */
  static CommandSpec command(String name, ToIntFunction<ParseResult> action) {
    CommandSpec[] self = new CommandSpec[1];
    Callable<Integer> body = () -> action.applyAsInt(self[0].commandLine().getParseResult());
    CommandSpec spec = CommandSpec.wrapWithoutInspection(body).name(name);
    self[0] = spec;
    spec.addOption(
        OptionSpec.builder("-h", "--help").usageHelp(true).description("Shows this help.").build());
    return spec;
  }

  /** Whether the argument names an object store, and not a file or a directory. */
  static boolean isStore(String argument) {
    return argument.startsWith("file:") || argument.startsWith("s3:");
  }

  /** For a store that is only read: opening a directory would make it. */
  static void requireThere(String storeUrl) {
    if (storeUrl.startsWith("file:") && !Files.isDirectory(ObjectStores.directory(storeUrl))) {
      throw new StartRefusedException("no object store in " + ObjectStores.directory(storeUrl));
    }
  }

  /** For a command that does its work and ends: what fails on a thread of its own is a defect. */
  static SystemThreads threads(String name) {
    return new SystemThreads(
        name,
        new SystemClock(),
        (part, cause) -> {
          throw new IllegalStateException(part, cause);
        });
  }
}
