package io.spillway.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The list of what main code may not call leaves out no relative of what it names. */
class ForbiddenApisTest {

  @Test
  void everyAsynchronousStepWithoutAnExecutorIsForbidden() throws IOException {
    List<String> forbidden = Files.readAllLines(Path.of("../.mvn/forbidden-apis.txt"));

    List<String> onTheCommonPool =
        Stream.<Class<?>>of(CompletableFuture.class, CompletionStage.class)
            .flatMap(type -> Arrays.stream(type.getMethods()).map(method -> entry(type, method)))
            .filter(entry -> entry.matches(".*Async\\(.*"))
            .filter(entry -> !entry.contains(Executor.class.getName()))
            .distinct()
            .toList();

    assertThat(onTheCommonPool).hasSizeGreaterThan(30);
    assertThat(forbidden).containsAll(onTheCommonPool);
  }

  private static String entry(Class<?> type, Method method) {
    return Arrays.stream(method.getParameterTypes())
        .map(Class::getName)
        .collect(Collectors.joining(",", type.getName() + "#" + method.getName() + "(", ")"));
  }
}
