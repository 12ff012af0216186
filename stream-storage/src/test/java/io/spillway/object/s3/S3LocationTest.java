package io.spillway.object.s3;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.object.ObjectStoreException;
import java.net.URI;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class S3LocationTest {

  @Test
  void aBucketOfAwsIsInTheHostNameAndTheRegionIsFound() {
    S3Location location = S3Location.parse("s3://my-bucket/a/b/");
    assertThat(location.bucket()).isEqualTo("my-bucket");
    assertThat(location.prefix()).isEqualTo("a/b/");
    assertThat(location.pathStyle()).isFalse();
    assertThat(location.checksums()).isTrue();
    assertThat(location.region()).isEmpty();
    assertThat(location.credentials()).isEqualTo(S3Location.Credentials.DEFAULT);
    assertThat(location).hasToString("s3://my-bucket/a/b");
  }

  @Test
  void anEndpointOfOnesOwnMeansPathStyleAndSomeRegion() {
    S3Location location =
        S3Location.parse(
            "s3://bucket?endpoint=http%3A%2F%2Fminio:9000&checksums=when-required&profile=p+q");
    assertThat(location.endpoint()).contains(URI.create("http://minio:9000"));
    assertThat(location.prefix()).isEmpty();
    assertThat(location.pathStyle()).isTrue();
    assertThat(location.checksums()).isFalse();
    assertThat(location.region()).contains("us-east-1");
    assertThat(location.profile()).contains("p+q");
    assertThat(location.credentials()).isEqualTo(S3Location.Credentials.PROFILE);
    assertThat(location).hasToString("s3://bucket at http://minio:9000");
    assertThat(
            S3Location.parse("s3://b1?endpoint=https://x&pathStyle=false&region=eu-1").pathStyle())
        .isFalse();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          s3:bucket                           | expected s3://BUCKET/PREFIX
          s3://                               | no bucket name
          s3://b!/x                           | no bucket name
          s3://bucket/a b                     | prefix
          s3://bucket?ednpoint=http://x       | unknown parameter 'ednpoint'
          s3://bucket?region=                 | region has no value
          s3://bucket?region=x&region=y       | twice
          s3://bucket?region=Middle Earth     | no region
          s3://bucket?endpoint=minio:9000     | endpoint=http://HOST:PORT
          s3://bucket?endpoint=http://x/path  | endpoint has a path
          s3://bucket?pathStyle=yes           | true or false
          s3://bucket?checksums=crc           | when-required
          s3://bucket?ca=/no/such/file        | cannot be read
          s3://bucket?credentials=magic       | web-identity
          """)
  void saysWhatIsWrong(String url, String message) {
    assertThatThrownBy(() -> S3Location.parse(url))
        .isInstanceOf(ObjectStoreException.Refused.class)
        .hasMessageContaining("invalid object.store.url: ")
        .hasMessageContaining(message);
  }

  @Test
  void keysInTheUrlAreRefusedWithoutShowingThem() {
    for (String url :
        new String[] {
          "s3://AKIA:hidden@bucket/x",
          "s3://bucket?secretKey=hidden",
          "s3://bucket?endpoint=http://AKIA:hidden@x",
          "s3://bucket?hidden%ZZ"
        }) {
      assertThatThrownBy(() -> S3Location.parse(url))
          .as(url)
          .isInstanceOf(ObjectStoreException.Refused.class)
          .satisfies(
              e ->
                  assertThat(e.toString().replace("unknown parameter 'hidden%ZZ'", ""))
                      .doesNotContain("hidden"));
    }
  }
}
