package io.spillway.object.s3;

import io.spillway.object.ObjectStoreException;
import io.spillway.object.StoreCredentials;
import io.spillway.runtime.Clock;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import software.amazon.awssdk.auth.credentials.AnonymousCredentialsProvider;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.AwsSessionCredentials;
import software.amazon.awssdk.auth.credentials.ContainerCredentialsProvider;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider;
import software.amazon.awssdk.auth.credentials.InstanceProfileCredentialsProvider;
import software.amazon.awssdk.auth.credentials.ProfileCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.auth.credentials.WebIdentityTokenFileCredentialsProvider;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.identity.spi.AwsCredentialsIdentity;
import software.amazon.awssdk.identity.spi.IdentityProvider;
import software.amazon.awssdk.identity.spi.ResolveIdentityRequest;
import software.amazon.awssdk.utils.SdkAutoCloseable;

/**
 * Keys for each request. The SDK's providers read files and call services while their caller waits;
 * here one thread asks them, for all requests that want keys at that moment.
 *
 * <p>A store that calls keys expired, though their provider still believes in them, gets the
 * provider made anew, so that files are read and services asked again.
 */
final class S3Credentials implements IdentityProvider<AwsCredentialsIdentity>, AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(S3Credentials.class);
  private static final long RENEWAL_INTERVAL_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final Supplier<AwsCredentialsProvider> factory;
  private final String source;
  private final boolean remote;
  private final Executor executor;
  private final Clock clock;
  private AwsCredentialsProvider provider;
  private @Nullable CompletableFuture<AwsCredentialsIdentity> underWay;
  private boolean everResolved;
  private long renewedAtNanos;

  private S3Credentials(
      Supplier<AwsCredentialsProvider> factory,
      String source,
      boolean remote,
      Executor executor,
      Clock clock) {
    this.factory = factory;
    this.source = source;
    this.remote = remote;
    this.executor = executor;
    this.clock = clock;
    this.provider = factory.get();
    this.renewedAtNanos = clock.nanoTime() - RENEWAL_INTERVAL_NANOS;
  }

  /**
   * @param given by the settings: they come before anything the SDK would find
   * @param executor of one thread, may block
   */
  static S3Credentials of(
      S3Location location, Optional<StoreCredentials> given, Executor executor, Clock clock) {
    if (given.isPresent() && location.credentials() == S3Location.Credentials.DEFAULT) {
      AwsCredentials keys = keys(given.get());
      return new S3Credentials(
          () -> StaticCredentialsProvider.create(keys), "settings", false, executor, clock);
    }
    boolean remote =
        switch (location.credentials()) {
          case WEB_IDENTITY, CONTAINER, INSTANCE -> true;
          case DEFAULT, ENV, PROFILE, ANONYMOUS -> false;
        };
    return new S3Credentials(
        () -> provider(location), location.credentials().text(), remote, executor, clock);
  }

  private static AwsCredentials keys(StoreCredentials given) {
    return given.sessionToken().isPresent()
        ? AwsSessionCredentials.create(
            given.accessKey(), given.secretKey(), given.sessionToken().get())
        : AwsBasicCredentials.create(given.accessKey(), given.secretKey());
  }

  private static AwsCredentialsProvider provider(S3Location location) {
    @Nullable String profile = location.profile().orElse(null);
    return switch (location.credentials()) {
      case DEFAULT -> DefaultCredentialsProvider.builder().profileName(profile).build();
      case ENV -> EnvironmentVariableCredentialsProvider.create();
      case PROFILE -> ProfileCredentialsProvider.builder().profileName(profile).build();
      case WEB_IDENTITY -> WebIdentityTokenFileCredentialsProvider.create();
      case CONTAINER -> ContainerCredentialsProvider.builder().build();
      case INSTANCE -> InstanceProfileCredentialsProvider.create();
      case ANONYMOUS -> AnonymousCredentialsProvider.create();
    };
  }

  @Override
  public Class<AwsCredentialsIdentity> identityType() {
    return AwsCredentialsIdentity.class;
  }

  @Override
  public CompletableFuture<AwsCredentialsIdentity> resolveIdentity(ResolveIdentityRequest request) {
    CompletableFuture<AwsCredentialsIdentity> started;
    synchronized (this) {
      if (underWay != null) {
        return underWay;
      }
      started = new CompletableFuture<>();
      underWay = started;
    }
    executor.execute(() -> resolve(started));
    return started;
  }

  private void resolve(CompletableFuture<AwsCredentialsIdentity> result) {
    AwsCredentialsProvider from;
    synchronized (this) {
      from = provider;
    }
    AwsCredentials keys;
    try {
      keys = from.resolveCredentials();
    } catch (RuntimeException e) {
      done(false);
      result.completeExceptionally(failure(e));
      return;
    }
    done(true);
    result.complete(keys);
  }

  private synchronized void done(boolean resolved) {
    underWay = null;
    everResolved |= resolved;
  }

  /** Keys that were never there will not come by waiting; keys that were there may come back. */
  private synchronized ObjectStoreException failure(RuntimeException cause) {
    String message =
        "no keys for the object store from credentials=" + source + ": " + cause.getMessage();
    return cause instanceof SdkException && !everResolved && !remote
        ? new ObjectStoreException.Refused(message, cause)
        : new ObjectStoreException.Unavailable(message, cause);
  }

  /** The store called the keys expired. */
  void expired() {
    AwsCredentialsProvider old;
    synchronized (this) {
      long now = clock.nanoTime();
      if (now - renewedAtNanos < RENEWAL_INTERVAL_NANOS) {
        return;
      }
      renewedAtNanos = now;
      old = provider;
      provider = factory.get();
    }
    LOG.info("The object store calls the keys from {} expired; they are read again", source);
    executor.execute(() -> close(old));
  }

  @Override
  public synchronized void close() {
    close(provider);
  }

  private static void close(AwsCredentialsProvider provider) {
    if (provider instanceof SdkAutoCloseable closeable) {
      closeable.close();
    }
  }
}
