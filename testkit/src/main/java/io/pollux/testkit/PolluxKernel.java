// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import io.pollux.core.ErrnoException;
import io.pollux.syscalls.Kernel;
import io.pollux.syscalls.Program;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserRing;
import java.lang.reflect.Method;
import java.lang.reflect.Parameter;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.DynamicTestInvocationContext;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolutionException;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;

/**
 * The JUnit 5 extension that boots a {@link TestKernel} before each test and closes it afterwards,
 * which checks for leaks. {@link PolluxTest} registers it. A class registers it by an instance
 * field if no {@link Disk} describes a disk of its tests, such as an image file or a driver. The
 * package has examples of both.
 *
 * <p>The disks, the mounts and the methods of a test are made or run on a thread of their own, and
 * take no longer than their {@link PolluxLimit}. A test may have these parameters:
 *
 * <ul>
 *   <li>the {@link TestKernel}, or its {@link Kernel};
 *   <li>a {@link Program}: the first one of each method is the test's program, each further one is
 *       new;
 *   <li>{@link UserFiles} of the test's program;
 *   <li>a {@link UserRing} of the test's program: {@link #RING_DEPTH} polled I/Os of at most {@link
 *       #RING_BUFFER_BYTES};
 *   <li>{@code @Disk("NAME")}, a disk: as {@link TestDisk}, block device or driver;
 *   <li>{@code @PolluxSeed}, a long or a {@link Random}.
 * </ul>
 */
public final class PolluxKernel
    implements BeforeEachCallback, AfterEachCallback, ParameterResolver, InvocationInterceptor {
  static {
    DebugSwitch.turnOn();
  }

  /** Name of the sample's disk. */
  public static final String SAMPLE_DISK = "sample0";

  /** Name of the sample's mount directory in the root. */
  public static final String SAMPLE_MOUNT = "mnt";

  /** Number of I/Os in flight of a ring that a test has as a parameter. */
  public static final int RING_DEPTH = 8;

  /** Size in bytes of each buffer of a ring that a test has as a parameter. */
  public static final int RING_BUFFER_BYTES = 4096;

  private static final ExtensionContext.Namespace RUNS =
      ExtensionContext.Namespace.create(PolluxKernel.class);

  private final Map<String, TestDisk.Source> disks = new LinkedHashMap<>();
  private final Map<String, String> mounts = new LinkedHashMap<>();
  private long windowBytes = TestKernel.WINDOW_BYTES;
  private @Nullable TestKernel booted;

  /** Receives the disks and mounts that a test declares. */
  record Preparation(TestKernel kernel) {
    void disk(String name, TestDisk.Source source) {
      kernel.addDisk(name, source);
    }

    void mount(String at, String disk) throws ErrnoException {
      kernel.mount(at, disk);
    }
  }

  /** Creates the extension of {@link PolluxTest}. A field uses {@link #bare}. */
  public PolluxKernel() {}

  /** Creates an extension for a kernel without disks. */
  public static PolluxKernel bare() {
    return new PolluxKernel();
  }

  /** Creates an extension for a kernel with the sample in memory, mounted at /mnt. */
  public static PolluxKernel withSample() {
    return bare().withDisk(SAMPLE_DISK, TestDisk.sample()).withMount(SAMPLE_MOUNT, SAMPLE_DISK);
  }

  /**
   * Adds a disk.
   *
   * @param name programs open it as /dev/NAME
   * @param source creates the disk
   */
  public PolluxKernel withDisk(String name, TestDisk.Source source) {
    disks.put(name, source);
    return this;
  }

  /**
   * Mounts a disk read-only.
   *
   * @param at a directory in the root: "mnt" for /mnt
   * @param disk name of a disk with a filesystem
   */
  public PolluxKernel withMount(String at, String disk) {
    mounts.put(at, disk);
    return this;
  }

  /**
   * Sets how much memory a program can map.
   *
   * @param bytes as for {@link TestKernel#boot(long)}
   */
  public PolluxKernel withWindow(long bytes) {
    windowBytes = bytes;
    return this;
  }

  /** Returns the kernel of the running test. */
  public TestKernel kernel() {
    TestKernel kernel = booted;
    if (kernel == null) {
      throw new IllegalStateException("no test is running");
    }
    return kernel;
  }

  @Override
  public void beforeEach(ExtensionContext context) throws Exception {
    ExtensionContext.Store store = context.getStore(RUNS);
    if (store.get(TestRun.class) != null) {
      throw new ExtensionConfigurationException(
          "a test has one kernel: use @PolluxTest, or a field of the type PolluxKernel");
    }
    Declared declared = new Declared(context);
    TestKernel kernel = TestKernel.boot(windowBytes);
    booted = kernel;
    TestRun run = new TestRun(context.getDisplayName(), kernel, declared.limit());
    store.put(TestRun.class, run);
    try {
      run.<@Nullable Void>call(
          () -> { // on the test's thread: a mount may wait for a disk, or a source for anything
            prepare(new Preparation(kernel), declared);
            return null;
          });
    } catch (Exception | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError("the kernel of a test could not be made", e);
    }
  }

  private void prepare(Preparation preparation, Declared declared) throws Exception {
    disks.forEach(preparation::disk);
    for (Map.Entry<String, String> mount : mounts.entrySet()) {
      preparation.mount(mount.getKey(), mount.getValue());
    }
    declared.prepare(preparation);
  }

  @Override
  public void afterEach(ExtensionContext context) throws Exception {
    TestRun run = context.getStore(RUNS).remove(TestRun.class, TestRun.class);
    try {
      if (run != null) {
        run.end();
      }
    } finally {
      booted = null;
    }
  }

  private static TestRun run(ExtensionContext context) {
    TestRun run = context.getStore(RUNS).get(TestRun.class, TestRun.class);
    if (run == null) {
      throw new IllegalStateException("a kernel exists from the setup of a test to its end");
    }
    return run;
  }

  @Override
  public boolean supportsParameter(ParameterContext context, ExtensionContext extension) {
    Class<?> type = context.getParameter().getType();
    return context.isAnnotated(Disk.class)
        || context.isAnnotated(PolluxSeed.class)
        || type == TestKernel.class
        || type == Kernel.class
        || type == Program.class
        || type == UserFiles.class
        || type == UserRing.class;
  }

  @Override
  public @Nullable Object resolveParameter(ParameterContext context, ExtensionContext extension) {
    TestRun run = run(extension);
    Class<?> type = context.getParameter().getType();
    PolluxSeed seed = context.findAnnotation(PolluxSeed.class).orElse(null);
    if (seed != null) {
      return seed(run.seed(seed.value()), type);
    }
    Disk disk = context.findAnnotation(Disk.class).orElse(null);
    if (disk != null) {
      return disk(run.kernel(), Declared.nameOf(disk), type);
    }
    if (type == Program.class) {
      return isFirst(context, type) ? run.program() : run.kernel().newProgram();
    }
    if (type == UserFiles.class) {
      return onThread(run, () -> new UserFiles(run.program()));
    }
    if (type == UserRing.class) {
      return onThread(run, () -> UserRing.polled(run.program(), RING_DEPTH, RING_BUFFER_BYTES));
    }
    return type == Kernel.class ? run.kernel().kernel() : run.kernel();
  }

  private static Object seed(long seed, Class<?> type) {
    if (type == Random.class) {
      return new Random(seed);
    }
    if (type == long.class || type == Long.class) {
      return seed;
    }
    throw new ParameterResolutionException("a @PolluxSeed is a long or a Random, not a " + type);
  }

  private static Object disk(TestKernel kernel, String name, Class<?> type) {
    TestDisk disk = kernel.testDisks().get(name);
    if (disk == null) {
      throw new ParameterResolutionException(
          "the kernel has no disk " + name + ", only " + kernel.testDisks().keySet());
    }
    for (Object each : new Object[] {disk, disk.device(), disk.driver()}) {
      if (type.isInstance(each)) {
        return each;
      }
    }
    throw new ParameterResolutionException(
        "the disk " + name + " is no " + type.getName() + "; its driver is " + disk.driver());
  }

  private static boolean isFirst(ParameterContext context, Class<?> type) {
    Parameter[] all = context.getDeclaringExecutable().getParameters();
    for (int i = 0; i < context.getIndex(); i++) {
      if (all[i].getType() == type) {
        return false;
      }
    }
    return true;
  }

  /** Runs a call of the test's program on the test's thread, to which the program belongs. */
  private static <T> @Nullable T onThread(TestRun run, TestThread.Body<T> body) {
    try {
      return run.call(body);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new ParameterResolutionException("a parameter could not be made", e);
    }
  }

  // The methods of a test, on the test's thread. JUnit checks that each is proceeded with or
  // skipped, so a method that is left behind or not started is skipped.

  private static <T extends @Nullable Object> @Nullable T intercept(
      Invocation<T> invocation, ExtensionContext context) throws Throwable {
    TestRun run = run(context);
    if (run.isAbandoned()) {
      invocation.skip();
      return null;
    }
    return run.call(invocation::proceed);
  }

  @Override
  public void interceptBeforeEachMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    intercept(invocation, context);
  }

  @Override
  public void interceptTestMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    intercept(invocation, context);
  }

  @Override
  @SuppressWarnings("NullAway") // null only if the method returns null, or was left behind
  public <T> T interceptTestFactoryMethod(
      Invocation<T> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    return intercept(invocation, context);
  }

  @Override
  public void interceptTestTemplateMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    intercept(invocation, context);
  }

  @Override
  public void interceptDynamicTest(
      Invocation<Void> invocation, DynamicTestInvocationContext dynamic, ExtensionContext context)
      throws Throwable {
    intercept(invocation, context);
  }

  @Override
  public void interceptAfterEachMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> method,
      ExtensionContext context)
      throws Throwable {
    intercept(invocation, context);
  }
}
