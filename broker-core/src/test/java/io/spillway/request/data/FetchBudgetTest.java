package io.spillway.request.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class FetchBudgetTest {

  private static final long MIB = 1 << 20;

  private final FetchBudget budget = new FetchBudget(8 * MIB);
  private final List<String> told = new ArrayList<>();

  @Test
  void oneClientAloneMayHaveAll() {
    assertThat(take("a", 6 * MIB)).isEqualTo(6 * MIB);
    assertThat(take("a", 6 * MIB)).isEqualTo(2 * MIB);
    assertThat(take("a", 6 * MIB)).isZero();
    budget.give("a", 8 * MIB);
    assertThat(budget.usedBytes()).isZero();
  }

  @Test
  void aClientWithManyConnectionsLeavesRoomToTheOthers() {
    assertThat(take("hog", 8 * MIB)).isEqualTo(8 * MIB);
    FetchBudget.Waiter small = () -> told.add("small");
    assertThat(budget.take("small", MIB, small)).as("nothing is left").isZero();
    assertThat(take("hog", 8 * MIB)).isZero();

    budget.give("hog", 2 * MIB);

    assertThat(told).containsExactly("small", "hog");
    assertThat(take("hog", 8 * MIB)).as("it has more than its half").isZero();
    assertThat(budget.take("small", MIB, small)).isEqualTo(MIB);
  }

  @Test
  void whoWaitsIsToldInTurnAndNotTwice() {
    take("hog", 8 * MIB);
    take("a", MIB);
    take("b", MIB);
    FetchBudget.Waiter gone = () -> told.add("gone");
    assertThat(budget.take("c", MIB, gone)).isZero();
    budget.forget("c", gone);

    budget.give("hog", 4 * MIB);
    budget.give("hog", 4 * MIB);

    assertThat(told).containsExactly("a", "b");
  }

  @Test
  void anEmptyBudgetAlwaysLetsOneThrough() {
    FetchBudget tiny = new FetchBudget(1000);

    assertThat(tiny.take("a", 10 * MIB, () -> {})).isPositive();
  }

  private long take(String client, long bytes) {
    return budget.take(client, bytes, () -> told.add(client));
  }
}
