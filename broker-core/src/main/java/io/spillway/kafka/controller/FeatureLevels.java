package io.spillway.kafka.controller;

import io.spillway.request.ApiVersionsHandler.FeatureRange;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.controller.QuorumFeatures;
import org.apache.kafka.metadata.VersionRange;
import org.apache.kafka.metadata.bootstrap.BootstrapMetadata;
import org.apache.kafka.server.common.GroupVersion;
import org.apache.kafka.server.common.KRaftVersion;
import org.apache.kafka.server.common.MetadataVersion;
import org.apache.kafka.server.common.TransactionVersion;

/**
 * The feature levels a new cluster starts with, and the ranges this broker supports: what is
 * served, no more. {@code docs/compatibility.md} says the same in words; change both.
 */
public final class FeatureLevels {

  /** The level of Kafka's metadata records: the last one the linked Kafka release calls stable. */
  public static final MetadataVersion METADATA_VERSION = MetadataVersion.latestProduction();

  /** KIP-848 consumer groups are served. */
  public static final short GROUP_VERSION = GroupVersion.GV_1.featureLevel();

  /** KIP-890: each transaction has an epoch of its own, and partitions verify. */
  public static final short TRANSACTION_VERSION = TransactionVersion.TV_2.featureLevel();

  /** No Raft runs here, but the log has all that the level promises a controller. */
  public static final KRaftVersion KRAFT_VERSION = KRaftVersion.KRAFT_VERSION_1;

  private FeatureLevels() {}

  /** The records a new metadata log begins with; features left out are at level 0. */
  static BootstrapMetadata bootstrap() {
    return BootstrapMetadata.fromVersions(
        METADATA_VERSION,
        Map.of(
            GroupVersion.FEATURE_NAME,
            GROUP_VERSION,
            TransactionVersion.FEATURE_NAME,
            TRANSACTION_VERSION),
        "a new cluster");
  }

  /** Supported levels by feature name; what is missing supports level 0 only. */
  public static Map<String, VersionRange> supported() {
    Map<String, VersionRange> ranges = new HashMap<>();
    ranges.put(
        MetadataVersion.FEATURE_NAME,
        VersionRange.of(
            MetadataVersion.MINIMUM_VERSION.featureLevel(), METADATA_VERSION.featureLevel()));
    ranges.put(
        KRaftVersion.FEATURE_NAME,
        VersionRange.of(KRaftVersion.KRAFT_VERSION_0.featureLevel(), KRAFT_VERSION.featureLevel()));
    ranges.put(GroupVersion.FEATURE_NAME, VersionRange.of((short) 0, GROUP_VERSION));
    ranges.put(TransactionVersion.FEATURE_NAME, VersionRange.of((short) 0, TRANSACTION_VERSION));
    return ranges;
  }

  /** As {@link #supported}, for ApiVersions. */
  public static Map<String, FeatureRange> served() {
    Map<String, FeatureRange> ranges = new HashMap<>();
    supported()
        .forEach((name, range) -> ranges.put(name, new FeatureRange(range.min(), range.max())));
    return ranges;
  }

  static QuorumFeatures quorum(int nodeId) {
    return new QuorumFeatures(nodeId, supported(), List.of(nodeId));
  }
}
