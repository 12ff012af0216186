package io.spillway.object.s3;

import io.netty.channel.EventLoopGroup;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.spillway.object.ObjectStoreException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.Collection;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import software.amazon.awssdk.awscore.retry.AwsRetryStrategy;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.core.client.config.SdkAdvancedAsyncClientOption;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.http.nio.netty.SdkEventLoopGroup;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.S3AsyncClientBuilder;

/**
 * The SDK's client with what it stands on. The SDK never repeats a request and adds no checksums of
 * its own: what may be repeated is for those to say who know what it was for (P5).
 */
final class S3Connection implements AutoCloseable {

  /** More requests than this wait for a connection; the request budget stays below. */
  static final int MAX_CONNECTIONS = 96;

  private static final int NETWORK_THREADS = 2;

  /** From this size on the store is asked whether it wants the body: it may be throttling. */
  private static final long ASK_FIRST_BYTES = 4 << 20;

  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(5);
  private static final Duration ACQUIRE_TIMEOUT = Duration.ofSeconds(15);
  private static final Duration IDLE_TIMEOUT = Duration.ofSeconds(60);

  /** Below what stores and load balancers close at, so that the next request finds it open. */
  private static final Duration MAX_IDLE = Duration.ofSeconds(5);

  private final S3AsyncClient client;
  private final EventLoopGroup network;
  private final ScheduledThreadPoolExecutor timers;
  private final S3Credentials credentials;

  private S3Connection(
      S3AsyncClient client,
      EventLoopGroup network,
      ScheduledThreadPoolExecutor timers,
      S3Credentials credentials) {
    this.client = client;
    this.network = network;
    this.timers = timers;
    this.credentials = credentials;
  }

  /**
   * @param completions runs what follows a response
   */
  static S3Connection open(S3Location location, S3Credentials credentials, Executor completions) {
    EventLoopGroup network = network();
    ScheduledThreadPoolExecutor timers =
        new ScheduledThreadPoolExecutor(1, new DefaultThreadFactory("spillway-s3-timer", true));
    timers.setRemoveOnCancelPolicy(true);
    timers.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    boolean opened = false;
    try {
      S3AsyncClient client = client(location, credentials, completions, network, timers);
      opened = true;
      return new S3Connection(client, network, timers, credentials);
    } catch (SdkClientException e) {
      throw new ObjectStoreException.Refused(
          "object store " + location + " cannot be used: " + e.getMessage(), e);
    } finally {
      if (!opened) {
        timers.shutdown();
        network.shutdownGracefully(0, 1, TimeUnit.SECONDS);
      }
    }
  }

  /** Of our own making: the SDK takes seconds to close the ones that it makes. */
  @SuppressWarnings("deprecation") // the SDK knows none of the classes that replace this one
  private static EventLoopGroup network() {
    return new NioEventLoopGroup(
        NETWORK_THREADS, new DefaultThreadFactory("spillway-s3-network", true));
  }

  private static S3AsyncClient client(
      S3Location location,
      S3Credentials credentials,
      Executor completions,
      EventLoopGroup network,
      ScheduledThreadPoolExecutor timers) {
    NettyNioAsyncHttpClient.Builder http =
        NettyNioAsyncHttpClient.builder()
            .eventLoopGroup(SdkEventLoopGroup.create(network, NioSocketChannel::new))
            .maxConcurrency(MAX_CONNECTIONS)
            .maxPendingConnectionAcquires(Integer.MAX_VALUE)
            .connectionTimeout(CONNECT_TIMEOUT)
            .connectionAcquisitionTimeout(ACQUIRE_TIMEOUT)
            .connectionMaxIdleTime(MAX_IDLE)
            .readTimeout(IDLE_TIMEOUT)
            .writeTimeout(IDLE_TIMEOUT)
            .tcpKeepAlive(true);
    location.ca().ifPresent(file -> http.tlsTrustManagersProvider(() -> trusting(file)));
    S3AsyncClientBuilder builder =
        S3AsyncClient.builder()
            .httpClientBuilder(http)
            .credentialsProvider(credentials)
            .putAuthScheme(new UnsignedPayloadScheme())
            .forcePathStyle(location.pathStyle())
            .disableS3ExpressSessionAuth(true)
            .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
            .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED)
            .serviceConfiguration(
                s3 ->
                    s3.chunkedEncodingEnabled(false)
                        .expectContinueThresholdInBytes(ASK_FIRST_BYTES))
            .overrideConfiguration(
                o ->
                    o.retryStrategy(AwsRetryStrategy.doNotRetry()).scheduledExecutorService(timers))
            .asyncConfiguration(
                a ->
                    a.advancedOption(
                        SdkAdvancedAsyncClientOption.FUTURE_COMPLETION_EXECUTOR, completions));
    location.endpoint().ifPresent(builder::endpointOverride);
    location.region().ifPresent(region -> builder.region(Region.of(region)));
    return builder.build();
  }

  private static TrustManager[] trusting(Path file) {
    try (InputStream in = Files.newInputStream(file)) {
      Collection<? extends Certificate> found =
          CertificateFactory.getInstance("X.509").generateCertificates(in);
      KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
      trusted.load(null, null);
      int number = 0;
      for (Certificate certificate : found) {
        trusted.setCertificateEntry("ca-" + number, certificate);
        number++;
      }
      if (number == 0) {
        throw new ObjectStoreException.Refused("ca=" + file + " holds no certificate", null);
      }
      TrustManagerFactory factory =
          TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      factory.init(trusted);
      return factory.getTrustManagers();
    } catch (IOException | GeneralSecurityException e) {
      throw new ObjectStoreException.Refused(
          "ca=" + file + " is not a file of certificates in PEM: " + e.getMessage(), e);
    }
  }

  S3AsyncClient client() {
    return client;
  }

  S3Credentials credentials() {
    return credentials;
  }

  /** Ends what is still under way; its futures fail. */
  @Override
  public void close() {
    client.close();
    credentials.close();
    timers.shutdown();
    network.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
  }
}
