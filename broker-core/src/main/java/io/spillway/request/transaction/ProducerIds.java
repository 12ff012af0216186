package io.spillway.request.transaction;

import io.spillway.metadata.ControlPlane.ProducerIdBlock;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/**
 * Producer ids, each given once: taken from blocks that the controller hands out. One block is
 * asked for at a time; who comes meanwhile waits. Any thread.
 */
public final class ProducerIds {

  private final Supplier<CompletableFuture<ProducerIdBlock>> allocate;
  private final ArrayDeque<CompletableFuture<Long>> waiting = new ArrayDeque<>();
  private long next;
  private long endOfBlock;
  private boolean asking;

  public ProducerIds(Supplier<CompletableFuture<ProducerIdBlock>> allocate) {
    this.allocate = allocate;
  }

  public CompletableFuture<Long> next() {
    CompletableFuture<Long> id = new CompletableFuture<>();
    synchronized (this) {
      if (next < endOfBlock) {
        id.complete(next++);
        return id;
      }
      waiting.addLast(id);
      if (asking) {
        return id;
      }
      asking = true;
    }
    ask();
    return id;
  }

  private void ask() {
    allocate
        .get()
        .whenComplete(
            (block, failure) -> {
              if (failure == null) {
                onBlock(block);
              } else {
                onFailure(failure);
              }
            });
  }

  private void onBlock(ProducerIdBlock block) {
    List<Runnable> answers = new ArrayList<>();
    boolean askAgain;
    synchronized (this) {
      next = block.firstProducerId();
      endOfBlock = block.firstProducerId() + block.size();
      while (next < endOfBlock && !waiting.isEmpty()) {
        CompletableFuture<Long> waiter = waiting.removeFirst();
        long id = next++;
        answers.add(() -> waiter.complete(id));
      }
      askAgain = !waiting.isEmpty();
      asking = askAgain;
    }
    answers.forEach(Runnable::run);
    if (askAgain) {
      ask();
    }
  }

  private void onFailure(Throwable failure) {
    List<CompletableFuture<Long>> failed;
    synchronized (this) {
      failed = new ArrayList<>(waiting);
      waiting.clear();
      asking = false;
    }
    failed.forEach(waiter -> waiter.completeExceptionally(failure));
  }
}
