package io.spillway.protocol.frame;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.protocol.frame.InflightBudget.Account;
import io.spillway.protocol.frame.InflightBudget.Lease;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class InflightBudgetTest {

  private final InflightBudget budget = new InflightBudget(1000, 1000);
  private final List<String> grants = new ArrayList<>();

  private Lease reserve(Account account, int bytes, String name) {
    return budget.reserve(account, bytes, () -> grants.add(name));
  }

  @Test
  void admitsAtOnceWhileThereIsRoom() {
    Account account = budget.open("a");
    Lease lease = reserve(account, 700, "x");
    assertThat(lease.isHeld()).isTrue();
    assertThat(budget.snapshot().usedBytes()).isEqualTo(700);
    lease.release();
    lease.release();
    assertThat(budget.snapshot().usedBytes()).isZero();
    assertThat(grants).isEmpty();
  }

  @Test
  void aFrameAsLargeAsTheBudgetAlwaysGetsItsTurn() {
    Account small = budget.open("small");
    Account large = budget.open("large");
    ArrayDeque<Lease> held = new ArrayDeque<>();
    for (int i = 0; i < 5; i++) {
      held.add(reserve(small, 100, "early"));
    }
    Lease all = reserve(large, 1000, "large");
    assertThat(all.isHeld()).isFalse();
    Lease late = reserve(small, 10, "late");
    assertThat(late.isHeld()).as("nobody overtakes the frame that waits first").isFalse();
    while (!held.isEmpty()) {
      held.remove().release();
    }
    assertThat(grants).containsExactly("large");
    all.release();
    assertThat(grants).containsExactly("large", "late");
  }

  @Test
  void whoIsAboveTheFairShareStopsBeforeWhoIsBelow() {
    Account hog = budget.open("hog");
    List<Lease> hogs = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      hogs.add(reserve(hog, 100, "hog" + i));
    }
    assertThat(hogs.stream().filter(Lease::isHeld)).hasSizeLessThan(10);
    Lease other = reserve(budget.open("other"), 200, "other");
    assertThat(other.isHeld()).as("room is kept for a newcomer").isTrue();
  }

  @Test
  void freedBytesGoToTheWaitingAccountThatHoldsLeast() {
    Account hog = budget.open("hog");
    Account modest = budget.open("modest");
    List<Lease> hogs = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      hogs.add(reserve(hog, 100, "hog"));
    }
    reserve(modest, 200, "m1");
    Lease second = reserve(modest, 200, "m2");
    assertThat(second.isHeld()).isFalse();
    hogs.stream().filter(Lease::isHeld).limit(4).toList().forEach(Lease::release);
    assertThat(grants).containsExactly("m2");
  }

  @Test
  void aReservationThatIsGivenUpUnblocksTheOnesBehindIt() {
    Account a = budget.open("a");
    Lease most = reserve(a, 700, "most");
    Lease blocked = reserve(budget.open("b"), 900, "blocked");
    Lease behind = reserve(a, 20, "behind");
    assertThat(behind.isHeld()).isFalse();
    blocked.release();
    assertThat(grants).containsExactly("behind");
    most.release();
    behind.release();
    assertThat(budget.snapshot().usedBytes()).isZero();
    assertThat(budget.snapshot().waiting()).isZero();
  }

  @Test
  void refusesACapacityThatSomeFrameWouldNeverFit() {
    assertThatThrownBy(() -> new InflightBudget(10, 11))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("11")
        .hasMessageContaining("10");
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void neverExceedsItsCapacityAndServesEverybody(long seed) {
    Random random = new Random(seed);
    List<Account> accounts = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      accounts.add(budget.open("client" + i));
    }
    List<Lease> open = new ArrayList<>();
    for (int step = 0; step < 5_000; step++) {
      if (random.nextInt(3) > 0 && open.size() < 200) {
        int bytes = random.nextInt(20) == 0 ? 1000 : 1 + random.nextInt(200);
        open.add(reserve(accounts.get(random.nextInt(accounts.size())), bytes, "any"));
      } else if (!open.isEmpty()) {
        List<Lease> candidates =
            random.nextInt(10) == 0 ? open : open.stream().filter(Lease::isHeld).toList();
        if (!candidates.isEmpty()) {
          Lease lease = candidates.get(random.nextInt(candidates.size()));
          lease.release();
          open.remove(lease);
        }
      }
      InflightBudget.Snapshot now = budget.snapshot();
      assertThat(now.usedBytes()).as("seed %d step %d", seed, step).isBetween(0L, 1000L);
      assertThat(now.waiting() == 0 || now.usedBytes() > 0)
          .as("seed %d step %d: somebody waits though nothing is held", seed, step)
          .isTrue();
    }
    while (!open.isEmpty()) {
      Lease held = open.stream().filter(Lease::isHeld).findFirst().orElseThrow();
      held.release();
      open.remove(held);
    }
    accounts.forEach(Account::close);
    assertThat(budget.snapshot().usedBytes()).isZero();
    assertThat(budget.snapshot().waiting()).isZero();
  }
}
