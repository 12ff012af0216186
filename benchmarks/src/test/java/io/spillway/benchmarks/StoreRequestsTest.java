package io.spillway.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class StoreRequestsTest {

  private static final String BEFORE =
      """
      # HELP spillway_store_requests_total Requests to the object store
      # TYPE spillway_store_requests_total counter
      spillway_store_requests_total{kind="create",outcome="ok"} 3.0
      spillway_store_requests_total{kind="list",outcome="ok"} 2.0
      spillway_uploaded_bytes_total 5.0
      """;

  private static final String AFTER =
      """
      spillway_store_requests_total{kind="create",outcome="exists"} 1.0
      spillway_store_requests_total{kind="create",outcome="ok"} 10.0
      spillway_store_requests_total{kind="delete",outcome="ok"} 4.0
      spillway_store_requests_total{kind="get",outcome="ok"} 1.2E3
      spillway_store_requests_total{kind="list",outcome="ok"} 2.0
      spillway_store_requests_total{kind="multipart",outcome="ok"} 2.0
      spillway_store_requests_total{kind="part",outcome="ok"} 6.0
      spillway_store_requests_total{kind="put",outcome="unavailable"} 5.0
      """;

  private final StoreRequests counted = StoreRequests.of(AFTER).minus(StoreRequests.of(BEFORE));

  @Test
  void countsEveryAttemptOfEachKind() {
    assertThat(counted).hasToString("create 8, delete 4, get 1200, multipart 2, part 6, put 5");
    assertThat(counted.total()).isEqualTo(1_225);
  }

  @Test
  void tellsWritesAndListingsFromReads() {
    assertThat(counted.putClass()).isEqualTo(8 + 2 + 6 + 5);
    assertThat(counted.getsAndHeads()).isEqualTo(1_200);
  }

  @Test
  void asksTheListPriceOfEachClassAndNothingForDeletes() {
    assertThat(counted.dollars()).isCloseTo(21 * 0.005e-3 + 1_200 * 0.0004e-3, within(1e-12));
  }

  @Test
  void aPageWithoutRequestsHasNone() {
    StoreRequests none = StoreRequests.of("spillway_uploaded_bytes_total 5.0\n");
    assertThat(none).hasToString("none");
    assertThat(none.total()).isZero();
  }
}
