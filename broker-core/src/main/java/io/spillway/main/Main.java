package io.spillway.main;

import io.spillway.runtime.AmbientRuntime;
import java.util.List;

/**
 * The command {@code spillway}. {@code serve} is started without the parser of command lines, which
 * costs more than half of what reading the whole configuration does; the other commands use it.
 */
@AmbientRuntime
public final class Main {

  private Main() {}

  public static void main(String[] args) {
    List<String> arguments = List.of(args);
    try {
      if (isPlainServe(arguments)) {
        ServeOptions options = ServeOptions.parse(arguments.subList(1, arguments.size()));
        new Serve(EmbeddedBroker::start, System.out, System.err).run(options);
      } else {
        Logging.configure();
        System.exit(Commands.execute(arguments, System.out, System.err));
      }
    } catch (Throwable t) {
      System.exit(StartFailures.report(t, System.err));
    }
  }

  private static boolean isPlainServe(List<String> arguments) {
    return !arguments.isEmpty()
        && arguments.get(0).equals("serve")
        && !arguments.contains("--help")
        && !arguments.contains("-h");
  }
}
