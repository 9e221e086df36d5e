// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

/**
 * The behaviours of a disk, as tests. A test class extends it and implements {@code disk}:
 *
 * <pre>{@code
 * final class MyDiskSuiteTest extends DiskSuite {
 *   @Override
 *   protected SuiteDisk disk() throws ErrnoException {
 *     return SuiteDisk.of("mine", "mine:depth=8").with(DiskFeature.STORES, DiskFeature.POLL);
 *   }
 * }
 * }</pre>
 *
 * <p>The suite finds the type of the disk by ServiceLoader, or gets it by {@link
 * SuiteDisk#withType}. {@link SuiteDisk#over} describes a disk over other disks. The suite puts it
 * over disks that fail, are slow or lose power.
 *
 * <p>The suite skips a behaviour that needs an undeclared feature, and the report names the
 * feature. One behaviour compares the declared features with the limits of the disk.
 *
 * <p>Each behaviour has a kernel of its own. It fails if the kernel still holds a resource at the
 * end, or if the driver threw an exception. A failure lists the last calls and the seed;
 * -Dpollux.seed=N replays it. -Dpollux.operations=N makes the test against a model longer. The
 * counts are written to target/suites/NAME.txt.
 *
 * <p>Each superclass is one subject: transfers, durability, queues, failures.
 */
public abstract class DiskSuite extends DiskFailureBehaviours {
  /** Creates the suite, for JUnit. */
  protected DiskSuite() {}
}
