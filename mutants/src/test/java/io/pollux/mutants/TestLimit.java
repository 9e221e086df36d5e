// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.mutants;

import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.DynamicTestInvocationContext;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;

/**
 * Fails a test that hangs, before PIT ends the JVM without the name of the test.
 *
 * <p>A changed kernel may spin, or wait and ignore interrupts. Each test therefore runs on a thread
 * of its own, together with its constructor and its other methods, because a task belongs to one
 * thread. After the limit the test fails, and its thread is abandoned. JUnit finds this extension
 * with {@code junit.jupiter.extensions.autodetection.enabled}.
 */
public final class TestLimit implements InvocationInterceptor {
  /** Limit of one method: more than any test here takes, and less than PIT's own limit. */
  private static final Duration LIMIT = Duration.ofSeconds(Long.getLong("pollux.test.limit", 10));

  // of the current test; PIT runs one test at a time
  private @Nullable Runner runner;

  /** Creates the extension. JUnit's ServiceLoader calls it. */
  public TestLimit() {}

  /** The thread of one test. */
  private static final class Runner {
    private volatile @Nullable Thread thread;
    private final ExecutorService executor =
        Executors.newSingleThreadExecutor(
            work -> {
              Thread created = Thread.ofPlatform().daemon().name("test").unstarted(work);
              thread = created;
              return created;
            });
    private boolean abandoned;

    <T> T run(Invocation<T> invocation, String name) throws Throwable {
      Future<T> future = executor.submit(() -> proceed(invocation));
      try {
        return future.get(LIMIT.toNanos(), TimeUnit.NANOSECONDS);
      } catch (ExecutionException e) {
        Throwable cause = e.getCause();
        throw cause instanceof Wrapped wrapped ? wrapped.thrown() : e;
      } catch (TimeoutException e) {
        Thread hung = thread;
        AssertionError failure =
            new AssertionError("%s did not end in %d s".formatted(name, LIMIT.toSeconds()));
        if (hung != null) {
          failure.setStackTrace(hung.getStackTrace());
        }
        abandoned = true;
        future.cancel(true);
        throw failure;
      }
    }

    private static <T> T proceed(Invocation<T> invocation) throws Wrapped {
      try {
        return invocation.proceed();
      } catch (Throwable e) {
        throw new Wrapped(e);
      }
    }
  }

  /** Carries what a test threw to the thread of JUnit. */
  private static final class Wrapped extends Exception {
    private static final long serialVersionUID = 1;

    private final transient Throwable thrown;

    Wrapped(Throwable thrown) {
      super(thrown);
      this.thrown = thrown;
    }

    Throwable thrown() {
      return thrown;
    }
  }

  private synchronized Runner start() {
    Runner before = runner;
    if (before != null) {
      before.executor.shutdown();
    }
    Runner started = new Runner();
    runner = started;
    return started;
  }

  private synchronized Runner current() {
    Runner now = runner;
    return now == null ? start() : now;
  }

  private void run(Invocation<Void> invocation, String name) throws Throwable {
    Runner now = current();
    if (now.abandoned) {
      invocation.skip(); // the rest of a test that hangs
    } else {
      now.run(invocation, name);
    }
  }

  @Override
  public <T> T interceptTestClassConstructor(
      Invocation<T> invocation,
      ReflectiveInvocationContext<Constructor<T>> context,
      ExtensionContext extension)
      throws Throwable {
    return start().run(invocation, extension.getDisplayName());
  }

  @Override
  public void interceptBeforeEachMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> context,
      ExtensionContext extension)
      throws Throwable {
    run(invocation, extension.getDisplayName());
  }

  @Override
  public void interceptTestMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> context,
      ExtensionContext extension)
      throws Throwable {
    run(invocation, extension.getDisplayName());
  }

  @Override
  public void interceptTestTemplateMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> context,
      ExtensionContext extension)
      throws Throwable {
    run(invocation, extension.getDisplayName() + Arrays.toString(context.getArguments().toArray()));
  }

  @Override
  public void interceptDynamicTest(
      Invocation<Void> invocation, DynamicTestInvocationContext context, ExtensionContext extension)
      throws Throwable {
    run(invocation, extension.getDisplayName());
  }

  @Override
  public void interceptAfterEachMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> context,
      ExtensionContext extension)
      throws Throwable {
    run(invocation, extension.getDisplayName());
  }
}
