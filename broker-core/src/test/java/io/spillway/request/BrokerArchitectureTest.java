package io.spillway.request;

import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.name;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import io.spillway.protocol.server.KafkaRequest;
import org.junit.jupiter.api.Test;

class BrokerArchitectureTest {

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .withImportOption(new ImportOption.DoNotIncludeJars())
          .importPackages("io.spillway");

  /** The public client API, its message classes and record formats; the rest is internal. */
  private static final String[] KAFKA_INTERNALS = {
    "org.apache.kafka.controller..",
    "org.apache.kafka.coordinator..",
    "org.apache.kafka.image..",
    "org.apache.kafka.metadata..",
    "org.apache.kafka.raft..",
    "org.apache.kafka.server..",
    "org.apache.kafka.snapshot..",
    "org.apache.kafka.storage.."
  };

  @Test
  void onlyTheAdaptersKnowKafkaInternals() {
    noClasses()
        .that()
        .resideOutsideOfPackage("io.spillway.kafka..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(KAFKA_INTERNALS)
        .check(CLASSES);
  }

  @Test
  void coordinatorsReachStorageOnlyThroughPartitions() {
    noClasses()
        .that()
        .resideInAnyPackage("io.spillway.kafka.group..", "io.spillway.kafka.transaction..")
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
