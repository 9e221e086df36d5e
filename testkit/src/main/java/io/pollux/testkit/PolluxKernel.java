// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import io.pollux.core.ErrnoException;
import io.pollux.syscalls.Kernel;
import io.pollux.syscalls.Program;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * A JUnit 5 extension that boots a {@link TestKernel} for each test and closes it afterwards, with all that checks. To be
 * registered from a field that is not static; see the package for an example.
 *
 * <p>A test may have parameters: the {@link TestKernel}, its {@link Kernel}, or a {@link Program}, which is a new one for
 * each parameter.
 */
public final class PolluxKernel implements BeforeEachCallback, AfterEachCallback, ParameterResolver {
  /** The disk that has the sample. */
  public static final String SAMPLE_DISK = "sample0";

  /** Where the sample is mounted, below the root. */
  public static final String SAMPLE_MOUNT = "mnt";

  private final Map<String, TestDisk.Source> disks = new LinkedHashMap<>();
  private final Map<String, String> mounts = new LinkedHashMap<>();
  private @Nullable TestKernel booted;

  private PolluxKernel() {}

  /**
   * A kernel without disks.
   *
   * @return the extension, to be told more
   */
  public static PolluxKernel bare() {
    return new PolluxKernel();
  }

  /**
   * A kernel with the sample in memory, mounted at /mnt.
   *
   * @return the extension, to be told more
   */
  public static PolluxKernel withSample() {
    return bare().withDisk(SAMPLE_DISK, TestDisk.sample()).withMount(SAMPLE_MOUNT, SAMPLE_DISK);
  }

  /**
   * With one more disk.
   *
   * @param name what programs open as /dev/NAME
   * @param source how to make it
   * @return this
   */
  public PolluxKernel withDisk(String name, TestDisk.Source source) {
    disks.put(name, source);
    return this;
  }

  /**
   * With a disk mounted read-only.
   *
   * @param at a directory below the root: "mnt" for /mnt
   * @param disk name of a disk that has a filesystem on it
   * @return this
   */
  public PolluxKernel withMount(String at, String disk) {
    mounts.put(at, disk);
    return this;
  }

  /**
   * The kernel of the running test.
   *
   * @return the kernel
   */
  public TestKernel kernel() {
    TestKernel kernel = booted;
    if (kernel == null) {
      throw new IllegalStateException("no test is running");
    }
    return kernel;
  }

  @Override
  public void beforeEach(ExtensionContext context) throws ErrnoException {
    TestKernel kernel = TestKernel.boot();
    booted = kernel;
    disks.forEach(kernel::addDisk);
    for (Map.Entry<String, String> mount : mounts.entrySet()) {
      kernel.mount(mount.getKey(), mount.getValue());
    }
  }

  @Override
  public void afterEach(ExtensionContext context) {
    TestKernel kernel = booted;
    booted = null;
    if (kernel != null) {
      kernel.close();
    }
  }

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    Class<?> type = parameter.getParameter().getType();
    return type == TestKernel.class || type == Kernel.class || type == Program.class;
  }

  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    Class<?> type = parameter.getParameter().getType();
    if (type == Program.class) {
      return kernel().newProgram();
    }
    return type == Kernel.class ? kernel().kernel() : kernel();
  }
}
