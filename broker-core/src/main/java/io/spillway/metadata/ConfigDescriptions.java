package io.spillway.metadata;

import java.util.List;
import org.apache.kafka.clients.admin.ConfigEntry.ConfigSource;
import org.apache.kafka.clients.admin.ConfigEntry.ConfigType;
import org.apache.kafka.common.config.ConfigResource;
import org.jspecify.annotations.Nullable;

/** What clients are told about the settings of a resource. Safe for any thread. */
@FunctionalInterface
public interface ConfigDescriptions {

  /**
   * Every setting in force for the resource, in the order of its definition: value (null when it is
   * a secret), where it comes from, its synonyms from the strongest to the default, type and
   * documentation.
   *
   * @throws org.apache.kafka.common.errors.ApiException when there is no such resource here
   */
  List<Description> describe(ConfigResource resource);

  /**
   * @param value null when there is none, or it is a secret
   * @param readOnly whether only a restart can change it
   * @param synonyms from the strongest to the default
   */
  record Description(
      String name,
      @Nullable String value,
      ConfigSource source,
      boolean sensitive,
      boolean readOnly,
      List<Synonym> synonyms,
      ConfigType type,
      @Nullable String documentation) {}

  record Synonym(String name, @Nullable String value, ConfigSource source) {}
}
