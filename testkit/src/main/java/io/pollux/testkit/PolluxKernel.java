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
 * A JUnit 5 extension that boots a {@link TestKernel} before each test and closes it afterwards,
 * which checks for leaks. Register it by an instance field; the package has an example.
 *
 * <p>A test may have parameters: the {@link TestKernel}, its {@link Kernel}, or a {@link Program}.
 * Each Program parameter is a new program.
 */
public final class PolluxKernel
    implements BeforeEachCallback, AfterEachCallback, ParameterResolver {
  static {
    DebugSwitch.turnOn();
  }

  /** Name of the sample's disk. */
  public static final String SAMPLE_DISK = "sample0";

  /** Name of the sample's mount directory in the root. */
  public static final String SAMPLE_MOUNT = "mnt";

  private final Map<String, TestDisk.Source> disks = new LinkedHashMap<>();
  private final Map<String, String> mounts = new LinkedHashMap<>();
  private @Nullable TestKernel booted;

  private PolluxKernel() {}

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

  /** Returns the kernel of the running test. */
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
