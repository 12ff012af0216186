package io.spillway.embed;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.peers.Peers;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The example in the README compiles, and runs, as it is printed. */
class ReadmeExampleTest {

  @TempDir Path work;

  @Test
  void theExampleCompilesAndRuns() throws Exception {
    String readme = Files.readString(Peers.moduleDirectory().resolve("../README.md"));
    Matcher example = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL).matcher(readme);
    assertThat(example.find()).isTrue();
    Path source = work.resolve("Example.java");
    Files.writeString(
        source,
        String.join(
            "\n",
            "import io.spillway.embed.Broker;",
            "import java.util.Map;",
            "import org.apache.kafka.clients.producer.*;",
            "import org.apache.kafka.common.serialization.StringSerializer;",
            "public class Example implements java.util.concurrent.Callable<String> {",
            "  public String call() throws Exception {",
            example.group(1),
            "    return \"done\";",
            "  }",
            "}"));

    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    int exitCode =
        compiler.run(
            null,
            null,
            null,
            "-proc:none",
            "-cp",
            System.getProperty("java.class.path"),
            "-d",
            work.toString(),
            source.toString());
    assertThat(exitCode).isZero();
    try (URLClassLoader loader =
        new URLClassLoader(List.of(work.toUri().toURL()).toArray(new URL[0]))) {
      Object program = loader.loadClass("Example").getDeclaredConstructor().newInstance();
      assertThat(((java.util.concurrent.Callable<?>) program).call()).isEqualTo("done");
    }
  }
}
