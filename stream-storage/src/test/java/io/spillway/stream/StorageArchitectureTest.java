package io.spillway.stream;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

class StorageArchitectureTest {

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .withImportOption(new ImportOption.DoNotIncludeJars())
          .importPackages("io.spillway");

  @Test
  void storageKnowsNoKafka() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("org.apache.kafka..")
        .check(CLASSES);
  }

  @Test
  void onlyTheS3PackageKnowsTheSdkAndTheNetwork() {
    noClasses()
        .that()
        .resideOutsideOfPackage("io.spillway.object.s3..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("software.amazon..", "io.netty..", "org.reactivestreams..")
        .check(CLASSES);
  }

  /** The simulation runs engine and reads: what decides for itself when to act stays outside. */
  @Test
  void onlyItsOwnPackageKnowsCaffeine() {
    noClasses()
        .that()
        .resideOutsideOfPackage("io.spillway.cache.caffeine..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("com.github.benmanes..", "io.spillway.cache.caffeine..")
        .check(CLASSES);
  }

  @Test
  void readsKnowNoEngine() {
    noClasses()
        .that()
        .resideInAPackage("io.spillway.read..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("io.spillway.engine..")
        .check(CLASSES);
  }

  @Test
  void onlyTheCatalogsIndexKnowsRocksDb() {
    noClasses()
        .that()
        .resideOutsideOfPackage("io.spillway.catalog.index..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("org.rocksdb..")
        .check(CLASSES);
  }

  @Test
  void theCatalogKnowsNotWhatItsIndexIsMadeOf() {
    noClasses()
        .that()
        .resideInAPackage("io.spillway.catalog")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("io.spillway.catalog.index..")
        .check(CLASSES);
  }

  @Test
  void objectsKnowNothingAboveThem() {
    noClasses()
        .that()
        .resideInAPackage("io.spillway.object..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "io.spillway.sharedlog..", "io.spillway.catalog..", "io.spillway.stream..")
        .check(CLASSES);
  }

  @Test
  void theSharedLogKnowsNoCatalog() {
    noClasses()
        .that()
        .resideInAPackage("io.spillway.sharedlog..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("io.spillway.catalog..", "io.spillway.stream..")
        .check(CLASSES);
  }

  @Test
  void theCatalogKnowsNoStreams() {
    noClasses()
        .that()
        .resideInAPackage("io.spillway.catalog..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("io.spillway.stream..", "io.spillway.engine..", "io.spillway.upload..")
        .check(CLASSES);
  }
}
