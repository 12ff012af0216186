package io.spillway.request.admin;

import io.spillway.config.BrokerConfig;
import io.spillway.metadata.ConfigDescriptions;
import io.spillway.metadata.ControlPlane;
import io.spillway.metadata.TopicCreator;
import io.spillway.partition.LocalPartitions;
import io.spillway.request.ApiHandler;
import io.spillway.request.admin.MetadataHandler.AutoCreation;
import java.util.List;

/** The handlers of this package. */
public final class AdminHandlers {

  private AdminHandlers() {}

  /**
   * @param creator makes topics that clients ask for without creating them
   */
  public static List<ApiHandler> create(
      ControlPlane control,
      ConfigDescriptions descriptions,
      TopicCreator creator,
      LocalPartitions partitions,
      BrokerConfig config) {
    AutoCreation autoCreation =
        new AutoCreation(
            config.topics().autoCreate(),
            config.topics().partitions(),
            config.topics().replicationFactor());
    return List.of(
        new MetadataHandler(control::metadata, creator, autoCreation),
        new DescribeTopicPartitionsHandler(
            control::metadata, config.network().maxDescribedPartitions()),
        new ClusterHandler(control),
        new CreateTopicsHandler(control),
        new DeleteTopicsHandler(control, config.topics().deletable()),
        new DescribeConfigsHandler(control::metadata, descriptions),
        new AlterConfigsHandler(control),
        new ReassignmentsHandler(control),
        new DescribeLogDirsHandler(partitions, config.storage().objects().place()));
  }
}
