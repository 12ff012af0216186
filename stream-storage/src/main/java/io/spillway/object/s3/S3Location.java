package io.spillway.object.s3;

import io.spillway.object.ObjectKeys;
import io.spillway.object.ObjectStoreException;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A bucket, and how to talk to it: {@code s3://BUCKET/PREFIX?name=value&…}. Knows no SDK class, so
 * that a URL can be checked without loading any.
 *
 * @param prefix of every key, ending in {@code /}, or empty
 * @param endpoint of a store that is not AWS, {@code http} or {@code https}
 * @param region empty: wherever the SDK finds one, {@code us-east-1} with an endpoint of one's own
 * @param pathStyle the bucket is the first part of the path, not of the host name
 * @param checksums whether uploads carry a CRC32C that the store checks
 * @param ca certificates, in PEM, to trust instead of the JVM's
 * @param credentials where keys come from
 * @param profile of the shared configuration files; empty for the default one
 */
public record S3Location(
    String bucket,
    String prefix,
    Optional<URI> endpoint,
    Optional<String> region,
    boolean pathStyle,
    boolean checksums,
    Optional<Path> ca,
    Credentials credentials,
    Optional<String> profile) {

  /** What a URL begins with. */
  public static final String SCHEME = "s3:";

  private static final Pattern BUCKET = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{1,254}");
  private static final Pattern REGION = Pattern.compile("[a-z0-9-]{1,64}");
  private static final Set<String> PARAMETERS =
      Set.of("endpoint", "region", "pathStyle", "checksums", "ca", "credentials", "profile");

  /** Where keys come from. */
  public enum Credentials {
    /** The settings' if given, else what the SDK finds: environment, profile, web identity, … */
    DEFAULT,
    ENV,
    PROFILE,
    WEB_IDENTITY,
    CONTAINER,
    INSTANCE,
    /** Requests are not signed. */
    ANONYMOUS;

    String text() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }

  /**
   * Takes a URL apart. No message repeats the URL as a whole: somebody may have put keys in it.
   *
   * @throws ObjectStoreException.Refused for what is wrong with it
   */
  public static S3Location parse(String url) {
    if (!url.startsWith("s3://")) {
      throw refused("expected s3://BUCKET/PREFIX");
    }
    String rest = url.substring("s3://".length());
    int query = rest.indexOf('?');
    String path = query < 0 ? rest : rest.substring(0, query);
    Map<String, String> parameters = query < 0 ? Map.of() : parameters(rest.substring(query + 1));
    if (path.contains("@")) {
      throw refused("keys do not belong into the URL: use the settings for them, or a profile");
    }
    int slash = path.indexOf('/');
    String bucket = slash < 0 ? path : path.substring(0, slash);
    if (!BUCKET.matcher(bucket).matches()) {
      throw refused("expected s3://BUCKET/PREFIX, and '" + bucket + "' is no bucket name");
    }
    Optional<URI> endpoint = Optional.ofNullable(parameters.get("endpoint")).map(S3Location::uri);
    boolean pathStyle = flag(parameters, "pathStyle", endpoint.isPresent());
    Optional<String> profile = Optional.ofNullable(parameters.get("profile"));
    return new S3Location(
        bucket,
        prefix(slash < 0 ? "" : path.substring(slash + 1)),
        endpoint,
        region(parameters, endpoint.isPresent()),
        pathStyle,
        checksums(parameters),
        Optional.ofNullable(parameters.get("ca")).map(S3Location::readable),
        credentials(parameters, profile.isPresent()),
        profile);
  }

  private static Map<String, String> parameters(String query) {
    Map<String, String> parameters = new LinkedHashMap<>();
    for (String item : query.split("&", -1)) {
      int equals = item.indexOf('=');
      String name = equals < 0 ? item : item.substring(0, equals);
      if (!PARAMETERS.contains(name)) {
        throw refused("unknown parameter '" + name + "': valid are " + new TreeSet<>(PARAMETERS));
      }
      String value = equals < 0 ? "" : decoded(name, item.substring(equals + 1));
      if (value.isEmpty()) {
        throw refused(name + " has no value");
      }
      if (parameters.put(name, value) != null) {
        throw refused(name + " is given twice");
      }
    }
    return parameters;
  }

  private static String decoded(String name, String value) {
    try {
      return URLDecoder.decode(value.replace("+", "%2B"), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      throw refused(name + " is not percent-encoded: " + e.getMessage());
    }
  }

  private static String prefix(String path) {
    String prefix = path.endsWith("/") ? path.substring(0, path.length() - 1) : path;
    if (prefix.isEmpty()) {
      return "";
    }
    try {
      return ObjectKeys.requireValid(prefix) + "/";
    } catch (IllegalArgumentException e) {
      throw refused("the prefix '" + prefix + "' is not made of A-Z a-z 0-9 - _ . = + and /");
    }
  }

  private static URI uri(String endpoint) {
    URI uri;
    try {
      uri = URI.create(endpoint);
    } catch (IllegalArgumentException e) {
      throw refused("endpoint is no URL: " + e.getMessage());
    }
    boolean http = "http".equals(uri.getScheme()) || "https".equals(uri.getScheme());
    String path = uri.getPath();
    if (!http || uri.getHost() == null || uri.getUserInfo() != null || uri.getQuery() != null) {
      throw refused("expected endpoint=http://HOST:PORT or https://HOST:PORT");
    }
    if (path != null && !path.isEmpty() && !path.equals("/")) {
      throw refused("endpoint has a path, " + path + ": give the bucket after s3://");
    }
    return uri;
  }

  private static Optional<String> region(Map<String, String> parameters, boolean ownEndpoint) {
    String region = parameters.get("region");
    if (region == null) {
      return ownEndpoint ? Optional.of("us-east-1") : Optional.empty();
    }
    if (!REGION.matcher(region).matches()) {
      throw refused("'" + region + "' is no region: expected one like eu-central-1");
    }
    return Optional.of(region);
  }

  private static boolean checksums(Map<String, String> parameters) {
    String checksums = parameters.getOrDefault("checksums", "when-supported");
    return switch (checksums) {
      case "when-supported" -> true;
      case "when-required" -> false;
      default ->
          throw refused(
              "checksums=" + checksums + ": expected checksums=when-supported or when-required");
    };
  }

  private static Credentials credentials(Map<String, String> parameters, boolean hasProfile) {
    String text = parameters.get("credentials");
    if (text == null) {
      return hasProfile ? Credentials.PROFILE : Credentials.DEFAULT;
    }
    for (Credentials source : Credentials.values()) {
      if (source.text().equals(text)) {
        return source;
      }
    }
    throw refused(
        "credentials="
            + text
            + ": expected one of "
            + Stream.of(Credentials.values())
                .map(Credentials::text)
                .collect(Collectors.joining(", ")));
  }

  private static Path readable(String file) {
    Path path = Path.of(file);
    if (!Files.isReadable(path)) {
      throw refused("ca=" + file + " cannot be read");
    }
    return path;
  }

  private static boolean flag(Map<String, String> parameters, String name, boolean otherwise) {
    String value = parameters.get(name);
    if (value == null) {
      return otherwise;
    }
    return switch (value) {
      case "true" -> true;
      case "false" -> false;
      default -> throw refused(name + "=" + value + ": expected true or false");
    };
  }

  private static ObjectStoreException.Refused refused(String what) {
    return new ObjectStoreException.Refused("invalid object.store.url: " + what, null);
  }

  /** Bucket, prefix and endpoint. */
  @Override
  public String toString() {
    return "s3://"
        + bucket
        + (prefix.isEmpty() ? "" : "/" + prefix.substring(0, prefix.length() - 1))
        + endpoint.map(uri -> " at " + uri).orElse("");
  }
}
