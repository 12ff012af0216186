package io.spillway.protocol;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

class ProtocolArchitectureTest {

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .withImportOption(new ImportOption.DoNotIncludeJars())
          .importPackages("io.spillway");

  @Test
  void theProtocolKnowsNoStorageAndNoBroker() {
    noClasses()
        .that()
        .resideInAPackage("io.spillway.protocol..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "io.spillway.wal..",
            "io.spillway.stream..",
            "io.spillway.catalog..",
            "io.spillway.object..",
            "io.spillway.partition..",
            "io.spillway.request..",
            "io.spillway.kafka..")
        .check(CLASSES);
  }
}
