package io.spillway.protocol.codec;

import java.util.EnumMap;
import java.util.Map;
import org.apache.kafka.common.message.ApiVersionsResponseData.ApiVersion;
import org.apache.kafka.common.message.ApiVersionsResponseData.ApiVersionCollection;
import org.apache.kafka.common.protocol.ApiKeys;

/**
 * Which requests are answered: what ApiVersions says, and what the decoder lets through.
 *
 * @param ranges versions by API; an API that is absent is not served
 */
public record ServedApis(Map<ApiKeys, VersionRange> ranges) {

  /** Versions {@code min} to {@code max}, both included. */
  public record VersionRange(short min, short max) {
    public VersionRange {
      if (min < 0 || max < min) {
        throw new IllegalArgumentException("versions " + min + " to " + max);
      }
    }

    public boolean contains(short version) {
      return version >= min && version <= max;
    }
  }

  public ServedApis {
    EnumMap<ApiKeys, VersionRange> copy = new EnumMap<>(ApiKeys.class);
    copy.putAll(ranges);
    copy.forEach(
        (api, range) -> {
          if (range.min() < api.oldestVersion() || range.max() > api.latestVersion(true)) {
            throw new IllegalArgumentException(
                api + " has versions " + api.oldestVersion() + " to " + api.latestVersion(true));
          }
        });
    ranges = Map.copyOf(copy);
  }

  /** The given APIs in all their stable versions. */
  public static ServedApis allVersionsOf(Iterable<ApiKeys> apis) {
    Map<ApiKeys, VersionRange> ranges = new EnumMap<>(ApiKeys.class);
    for (ApiKeys api : apis) {
      ranges.put(api, new VersionRange(api.oldestVersion(), api.latestVersion(false)));
    }
    return new ServedApis(ranges);
  }

  public boolean serves(ApiKeys api, short version) {
    VersionRange range = ranges.get(api);
    return range != null && range.contains(version);
  }

  /** The ranges as the ApiVersions response carries them; a new collection at every call. */
  public ApiVersionCollection toApiVersions() {
    ApiVersionCollection versions = new ApiVersionCollection(ranges.size());
    for (ApiKeys api : ApiKeys.values()) {
      VersionRange range = ranges.get(api);
      if (range != null) {
        versions.add(
            new ApiVersion()
                .setApiKey(api.id)
                .setMinVersion(range.min())
                .setMaxVersion(range.max()));
      }
    }
    return versions;
  }
}
