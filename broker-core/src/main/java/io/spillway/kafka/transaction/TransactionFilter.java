package io.spillway.kafka.transaction;

import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiPredicate;
import org.apache.kafka.common.errors.InvalidRegularExpression;
import org.apache.kafka.common.message.ListTransactionsRequestData;
import org.apache.kafka.coordinator.transaction.TransactionState;
import org.jspecify.annotations.Nullable;

/**
 * What an administrator wants to see (KIP-664, KIP-994, KIP-1152); filters that say nothing let
 * everything pass.
 *
 * @param unknownStates asked for, and not known
 * @param durationMs how long a transaction must have been going on, at least; negative for any. As
 *     in Kafka an id without a transaction passes
 */
record TransactionFilter(
    Set<Long> producerIds,
    boolean byState,
    Set<TransactionState> states,
    List<String> unknownStates,
    long durationMs,
    Optional<Pattern> idPattern,
    long nowMs)
    implements BiPredicate<String, Transaction> {

  /**
   * @throws InvalidRegularExpression if the pattern is none
   */
  static TransactionFilter of(ListTransactionsRequestData request, long nowMs) {
    Set<TransactionState> states = EnumSet.noneOf(TransactionState.class);
    List<String> unknown = new ArrayList<>();
    for (String name : request.stateFilters()) {
      TransactionState.fromName(name).ifPresentOrElse(states::add, () -> unknown.add(name));
    }
    return new TransactionFilter(
        Set.copyOf(request.producerIdFilters()),
        !request.stateFilters().isEmpty(),
        states,
        unknown,
        request.durationFilter(),
        pattern(request.transactionalIdPattern()),
        nowMs);
  }

  private static Optional<Pattern> pattern(@Nullable String expression) {
    if (expression == null || expression.isEmpty()) {
      return Optional.empty();
    }
    try {
      return Optional.of(Pattern.compile(expression));
    } catch (PatternSyntaxException e) {
      throw new InvalidRegularExpression(
          "the pattern of transactional ids is no regular expression: " + e.getMessage());
    }
  }

  @Override
  public boolean test(String id, Transaction transaction) {
    return (producerIds.isEmpty() || producerIds.contains(transaction.producerId()))
        && (!byState || states.contains(transaction.state()))
        && (durationMs < 0 || nowMs - transaction.startMs() > durationMs)
        && idPattern.map(pattern -> pattern.matcher(id).matches()).orElse(true);
  }
}
