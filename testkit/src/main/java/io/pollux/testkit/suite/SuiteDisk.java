// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import io.pollux.block.bdev.DiskSpec;
import io.pollux.block.bdev.DiskType;
import io.pollux.block.bdev.Providers;
import io.pollux.core.ErrnoException;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A disk under test: its description, its name in reports, and what it can do. {@link DiskSuite}
 * gets one for each behaviour.
 */
public final class SuiteDisk {
  private static final long DEFAULT_BYTES = 4 << 20;

  private final String name;
  private final String description;
  private final Set<DiskFeature> features = EnumSet.noneOf(DiskFeature.class);
  private Providers providers = Providers.builtIn();
  private @Nullable UnaryOperator<String> over;
  private long bytes = DEFAULT_BYTES;

  private SuiteDisk(String name, String description) {
    this.name = name;
    this.description = description;
  }

  /**
   * Describes a disk.
   *
   * @param name its name in reports and in the name of the report's file
   * @param description what {@code --disk} takes: {@code stripe:chunk=64k,ram,ram}
   */
  public static SuiteDisk of(String name, String description) {
    return new SuiteDisk(name, description);
  }

  /**
   * Describes a disk over others, which declares {@link DiskFeature#STACKED}. The suite puts it
   * over disks in memory, and over disks that fail or are slow.
   *
   * @param name its name in reports and in the name of the report's file
   * @param over returns the description of the disk over lower disks of a description, which can
   *     occur several times: {@code lower -> "stripe:" + lower + "," + lower}
   */
  public static SuiteDisk over(String name, UnaryOperator<String> over) {
    SuiteDisk disk = new SuiteDisk(name, over.apply("ram"));
    disk.over = over;
    return disk.with(DiskFeature.STACKED);
  }

  /**
   * Adds a type of disk that ServiceLoader does not find.
   *
   * @param type the type
   * @return this
   * @throws ErrnoException EEXIST: there is a type of that name. EINVAL: the name is invalid
   */
  public SuiteDisk withType(DiskType type) throws ErrnoException {
    providers = providers.with(type);
    return this;
  }

  /**
   * Declares features.
   *
   * @param more what the disk can do
   * @return this
   */
  public SuiteDisk with(DiskFeature... more) {
    features.addAll(Arrays.asList(more));
    return this;
  }

  /**
   * Sets the size of the disk. The default is 4 MiB.
   *
   * @param size bytes, at least 1 MiB
   * @return this
   */
  public SuiteDisk withBytes(long size) {
    bytes = size;
    return this;
  }

  String name() {
    return name;
  }

  DiskSpec description() throws ErrnoException {
    return DiskSpec.parse(description);
  }

  /** Describes the disk over lower disks. Only with STACKED. */
  DiskSpec over(String lower) throws ErrnoException {
    UnaryOperator<String> describe = over;
    if (describe == null) {
      throw new IllegalStateException(
          name + " declares STACKED, but SuiteDisk.over does not describe it");
    }
    return DiskSpec.parse(describe.apply(lower.contains(":") ? "(" + lower + ")" : lower));
  }

  boolean has(DiskFeature feature) {
    return features.contains(feature);
  }

  Providers providers() {
    return providers;
  }

  long bytes() {
    return bytes;
  }
}
