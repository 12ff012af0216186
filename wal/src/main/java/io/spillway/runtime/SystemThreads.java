package io.spillway.runtime;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Real threads, each named {@code <prefix>-<name>}; no thread is ever interrupted (P28). */
@AmbientRuntime
public final class SystemThreads implements Threads {

  private static final long IDLE_POOL_THREAD_SECONDS = 30;

  private final String prefix;
  private final Clock clock;
  private final FaultHandler faults;
  private final List<ExecutorService> executors = new ArrayList<>();
  private boolean closed;

  public SystemThreads(String prefix, Clock clock, FaultHandler faults) {
    this.prefix = prefix;
    this.clock = clock;
    this.faults = faults;
  }

  @Override
  public Clock clock() {
    return clock;
  }

  @Override
  public Scheduler newScheduler(String name) {
    ScheduledThreadPoolExecutor executor = new ScheduledThreadPoolExecutor(1, factory(name));
    executor.setRemoveOnCancelPolicy(true);
    executor.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    register(executor);
    return new SerialScheduler(executor, name);
  }

  @Override
  public Executor newPool(String name, int size) {
    ThreadPoolExecutor executor =
        new ThreadPoolExecutor(
            size,
            size,
            IDLE_POOL_THREAD_SECONDS,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            factory(name));
    executor.allowCoreThreadTimeOut(true);
    register(executor);
    return task -> executor.execute(guarded(name, task));
  }

  /** Later executors are closed first: what was made first is what others stand on. */
  @Override
  public void close() {
    List<ExecutorService> toClose;
    synchronized (executors) {
      closed = true;
      toClose = new ArrayList<>(executors);
      executors.clear();
    }
    for (int i = toClose.size() - 1; i >= 0; i--) {
      ExecutorService executor = toClose.get(i);
      executor.shutdown();
      awaitTermination(executor);
    }
  }

  private static void awaitTermination(ExecutorService executor) {
    boolean interrupted = false;
    boolean done = false;
    while (!done) {
      try {
        done = executor.awaitTermination(1, TimeUnit.MINUTES);
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void register(ExecutorService executor) {
    synchronized (executors) {
      if (closed) {
        executor.shutdown();
        throw new IllegalStateException("threads of " + prefix + " are closed");
      }
      executors.add(executor);
    }
  }

  private ThreadFactory factory(String name) {
    AtomicInteger count = new AtomicInteger();
    return task -> {
      Thread thread = new Thread(task, prefix + "-" + name + "-" + count.getAndIncrement());
      thread.setDaemon(true);
      return thread;
    };
  }

  private Runnable guarded(String name, Runnable task) {
    return () -> {
      try {
        task.run();
      } catch (Throwable t) {
        faults.onFault(prefix + "-" + name, t);
      }
    };
  }

  private final class SerialScheduler implements Scheduler {
    private final ScheduledThreadPoolExecutor executor;
    private final String name;

    SerialScheduler(ScheduledThreadPoolExecutor executor, String name) {
      this.executor = executor;
      this.name = name;
    }

    @Override
    public void execute(Runnable task) {
      executor.execute(guarded(name, task));
    }

    @Override
    public Cancellable schedule(long delayNanos, Runnable task) {
      ScheduledFuture<?> future =
          executor.schedule(guarded(name, task), delayNanos, TimeUnit.NANOSECONDS);
      return () -> future.cancel(false);
    }

    @Override
    public Clock clock() {
      return clock;
    }
  }
}
