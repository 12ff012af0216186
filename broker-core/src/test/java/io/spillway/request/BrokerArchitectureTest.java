package io.spillway.request;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.belongToAnyOf;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.name;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import io.spillway.protocol.server.KafkaRequest;
import org.apache.kafka.common.utils.internals.BufferSupplier;
import org.apache.kafka.common.utils.internals.ByteBufferOutputStream;
import org.apache.kafka.common.utils.internals.CloseableIterator;
import org.apache.kafka.common.utils.internals.ImplicitLinkedHashCollection;
import org.junit.jupiter.api.Test;

class BrokerArchitectureTest {

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .withImportOption(new ImportOption.DoNotIncludeJars())
          .importPackages("io.spillway");

  /** The public client API, its message classes and record formats are not; the rest is. */
  private static final String[] KAFKA_INTERNALS = {
    "org.apache.kafka..internals..",
    "org.apache.kafka.controller..",
    "org.apache.kafka.coordinator..",
    "org.apache.kafka.deferred..",
    "org.apache.kafka.image..",
    "org.apache.kafka.metadata..",
    "org.apache.kafka.raft..",
    "org.apache.kafka.server..",
    "org.apache.kafka.snapshot..",
    "org.apache.kafka.storage..",
    "org.apache.kafka.timeline.."
  };

  /** In the signatures of record formats and message classes: none is read or written without. */
  private static final DescribedPredicate<JavaClass> TYPES_OF_FORMATS =
      belongToAnyOf(
          BufferSupplier.class,
          ByteBufferOutputStream.class,
          CloseableIterator.class,
          ImplicitLinkedHashCollection.class);

  @Test
  void onlyTheAdaptersKnowKafkaInternals() {
    noClasses()
        .that()
        .resideOutsideOfPackage("io.spillway.kafka..")
        .should()
        .dependOnClassesThat(resideInAnyPackage(KAFKA_INTERNALS).and(not(TYPES_OF_FORMATS)))
        .check(CLASSES);
  }

  @Test
  void nothingAboveTheS3StoreKnowsTheSdk() {
    noClasses()
        .that()
        .resideOutsideOfPackage("io.spillway.object.s3..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("software.amazon..")
        .check(CLASSES);
  }

  @Test
  void coordinatorsReachStorageOnlyThroughPartitions() {
    noClasses()
        .that()
        .resideInAnyPackage(
            "io.spillway.kafka.coordinator..",
            "io.spillway.kafka.group..",
            "io.spillway.kafka.transaction..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "io.spillway.wal..",
            "io.spillway.catalog..",
            "io.spillway.object..",
            "io.spillway.engine..")
        .allowEmptyShould(true)
        .check(CLASSES);
  }

  /** The loader and the writer are the coordinators' way to a partition's records. */
  @Test
  void coordinatorsSeeStreamsOnlyInTheirLoaderAndWriter() {
    noClasses()
        .that()
        .resideInAnyPackage(
            "io.spillway.kafka.coordinator..",
            "io.spillway.kafka.group..",
            "io.spillway.kafka.transaction..")
        .and()
        .haveNameNotMatching(".*\\.PartitionLog(Loader|Writer)(\\$.*)?")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("io.spillway.stream..")
        .check(CLASSES);
  }

  @Test
  void partitionsKnowNoRequestsAndNoConnections() {
    noClasses()
        .that()
        .resideInAPackage("io.spillway.partition..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("io.spillway.protocol.server..", "io.spillway.embed..", "io.netty..")
        .check(CLASSES);
  }

  @Test
  void noHandlerSeesTheProtocolLayersRequest() {
    noClasses()
        .that()
        .implement(ApiHandler.class)
        .should()
        .dependOnClassesThat()
        .areAssignableTo(KafkaRequest.class)
        .check(CLASSES);
  }

  @Test
  void onlyThePipelineCallsHandlers() {
    noClasses()
        .that()
        .doNotHaveFullyQualifiedName(RequestPipeline.class.getName())
        .should()
        .callMethodWhere(target(owner(assignableTo(ApiHandler.class))).and(target(name("handle"))))
        .check(CLASSES);
  }
}
