package io.spillway.embed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Who embeds a broker needs one package, and catches one exception. */
class EmbedApiTest {

  @TempDir Path work;

  @Test
  void thePublicApiNeedsNoOtherPackage() {
    List<JavaClass> api =
        new ClassFileImporter()
                .withImportOption(new ImportOption.DoNotIncludeTests())
                .importPackages("io.spillway.embed")
                .stream()
                .filter(type -> type.getModifiers().contains(JavaModifier.PUBLIC))
                .toList();

    assertThat(api)
        .extracting(JavaClass::getSimpleName)
        .containsExactlyInAnyOrder("Broker", "Builder", "BrokerStartException");
    assertThat(
            api.stream()
                .flatMap(type -> type.getCodeUnits().stream())
                .filter(unit -> unit.getModifiers().contains(JavaModifier.PUBLIC))
                .flatMap(EmbedApiTest::typesOf)
                .map(JavaClass::getPackageName)
                .distinct())
        .allMatch(name -> name.isEmpty() || name.startsWith("java.") || name.equals(packageName()));
  }

  private static Stream<JavaClass> typesOf(JavaCodeUnit unit) {
    return Stream.of(
            Stream.of(unit.getRawReturnType()),
            unit.getRawParameterTypes().stream(),
            unit.getExceptionTypes().stream())
        .flatMap(types -> types)
        .map(JavaClass::getBaseComponentType);
  }

  private static String packageName() {
    return Broker.class.getPackageName();
  }

  @Test
  void whatKeepsABrokerFromStartingIsOneTypeThatSaysWhatToDo() {
    assertThatThrownBy(() -> Broker.builder().set("no.such.setting", "1").start())
        .isInstanceOf(BrokerStartException.class)
        .hasMessageContaining("no.such.setting");
    assertThatThrownBy(
            () ->
                Broker.builder()
                    .dataDirectory(work.resolve("data"))
                    .set(
                        "object.store.url", "s3://bucket?endpoint=http://127.0.0.1:9&checksums=odd")
                    .start())
        .isInstanceOf(BrokerStartException.class)
        .hasMessageContaining("checksums");
  }
}
