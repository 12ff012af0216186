package io.spillway.wal;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

class WalArchitectureTest {

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .withImportOption(new ImportOption.DoNotIncludeJars())
          .importPackages("io.spillway");

  @Test
  void theRuntimeKnowsNothingAboveIt() {
    noClasses()
        .that()
        .resideInAPackage("io.spillway.runtime..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("io.spillway.wal..")
        .check(CLASSES);
  }

  @Test
  void theWalKnowsNoKafkaAndNoNetwork() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("org.apache.kafka..", "io.netty..", "software.amazon..")
        .check(CLASSES);
  }
}
