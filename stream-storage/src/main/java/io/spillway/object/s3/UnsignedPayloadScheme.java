package io.spillway.object.s3;

import java.util.concurrent.CompletableFuture;
import software.amazon.awssdk.http.SdkHttpRequest;
import software.amazon.awssdk.http.auth.aws.scheme.AwsV4AuthScheme;
import software.amazon.awssdk.http.auth.aws.signer.AwsV4FamilyHttpSigner;
import software.amazon.awssdk.http.auth.aws.signer.AwsV4HttpSigner;
import software.amazon.awssdk.http.auth.spi.signer.AsyncSignRequest;
import software.amazon.awssdk.http.auth.spi.signer.AsyncSignedRequest;
import software.amazon.awssdk.http.auth.spi.signer.HttpSigner;
import software.amazon.awssdk.http.auth.spi.signer.SignRequest;
import software.amazon.awssdk.http.auth.spi.signer.SignedRequest;
import software.amazon.awssdk.identity.spi.AwsCredentialsIdentity;
import software.amazon.awssdk.identity.spi.IdentityProvider;
import software.amazon.awssdk.identity.spi.IdentityProviders;

/**
 * Signature version 4 over the headers alone, as the SDK does it over TLS. Over plain HTTP the SDK
 * would sign the body too, and hold the whole body in memory for it; what a body needs against
 * accidents is the checksum that goes with it.
 */
final class UnsignedPayloadScheme implements AwsV4AuthScheme {

  private static final int HTTP_PORT = 80;
  private static final int HTTPS_PORT = 443;

  private final Signer signer = new Signer(AwsV4HttpSigner.create());

  @Override
  public String schemeId() {
    return AwsV4AuthScheme.SCHEME_ID;
  }

  @Override
  public IdentityProvider<AwsCredentialsIdentity> identityProvider(IdentityProviders providers) {
    return providers.identityProvider(AwsCredentialsIdentity.class);
  }

  @Override
  public AwsV4HttpSigner signer() {
    return signer;
  }

  private static final class Signer implements AwsV4HttpSigner {
    private final HttpSigner<AwsCredentialsIdentity> delegate;

    Signer(HttpSigner<AwsCredentialsIdentity> delegate) {
      this.delegate = delegate;
    }

    @Override
    public SignedRequest sign(SignRequest<? extends AwsCredentialsIdentity> request) {
      return delegate.sign(request);
    }

    @Override
    public CompletableFuture<AsyncSignedRequest> signAsync(
        AsyncSignRequest<? extends AwsCredentialsIdentity> request) {
      return delegate
          .signAsync(withoutPayload(request))
          .thenApply(
              signed ->
                  AsyncSignedRequest.builder()
                      .request(
                          request.request().toBuilder().headers(signed.request().headers()).build())
                      .payload(request.payload().orElse(null))
                      .build());
    }

    private static <T extends AwsCredentialsIdentity> AsyncSignRequest<T> withoutPayload(
        AsyncSignRequest<T> request) {
      return request.toBuilder()
          .request(asIfEncrypted(request.request()))
          .payload(null)
          .putProperty(AwsV4FamilyHttpSigner.PAYLOAD_SIGNING_ENABLED, false)
          .putProperty(AwsV4FamilyHttpSigner.CHUNK_ENCODING_ENABLED, false)
          .build();
    }

    /** The signed host names the port unless it is the protocol's own. */
    private static SdkHttpRequest asIfEncrypted(SdkHttpRequest request) {
      int port = request.port();
      boolean ownPort = "http".equals(request.protocol()) && port == HTTP_PORT;
      return request.toBuilder().protocol("https").port(ownPort ? HTTPS_PORT : port).build();
    }
  }
}
