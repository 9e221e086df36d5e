// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import io.pollux.block.bdev.FileSystemType;
import io.pollux.block.driver.RamDisk;
import io.pollux.testkit.TestKernel;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.BitSet;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * A filesystem under test: how to make it, its name, and what it can do. {@link FileSystemSuite}
 * gets one for each behaviour.
 *
 * <p>A filesystem that cannot create files has a prepared file in its image: {@link #file}.
 */
public final class SuiteFileSystem {
  private static final int DEFAULT_FILES = 200;
  private static final int CHUNK = 4096;

  // the images of the Java process, which do not change
  private static final Map<RamDisk, BitSet> USED = new ConcurrentHashMap<>();

  /** Starts a kernel of another kind. */
  @FunctionalInterface
  public interface Starter {
    /**
     * Starts the kernel.
     *
     * @return the kernel, which the behaviour closes
     * @throws Exception if that fails
     */
    Machine start() throws Exception;
  }

  /** What a prepared file contains. */
  @FunctionalInterface
  public interface Content {
    /**
     * Stores content into memory.
     *
     * @param address destination
     * @param bytes length, a multiple of 512
     * @param offset position in the file, a multiple of 512
     */
    void fill(long address, long bytes, long offset);
  }

  private final String name;
  private final @Nullable FileSystemType type; // null without a disk
  private final @Nullable RamDisk image; // null if mkfs makes it
  private final @Nullable Starter starter;
  private final long diskBytes;
  private final Set<Feature> features = EnumSet.noneOf(Feature.class);
  private String mkfsOptions = "";
  private String mountOptions = "";
  private @Nullable Prepared prepared;
  private int maxFiles = DEFAULT_FILES;

  /** A prepared file. */
  record Prepared(String path, long bytes, Content content) {}

  private SuiteFileSystem(
      String name,
      @Nullable FileSystemType type,
      @Nullable RamDisk image,
      @Nullable Starter starter,
      long diskBytes) {
    this.name = name;
    this.type = type;
    this.image = image;
    this.starter = starter;
    this.diskBytes = diskBytes;
  }

  /**
   * Describes a filesystem that its mkfs makes on a disk in memory.
   *
   * @param type its type
   * @param diskBytes size of the disk; a small one makes the suite fast
   */
  public static SuiteFileSystem made(FileSystemType type, long diskBytes) {
    return new SuiteFileSystem(type.name(), type, null, null, diskBytes);
  }

  /**
   * Describes a filesystem on an image. {@link #file} is required.
   *
   * @param type its type
   * @param image the image, which the caller keeps; each behaviour gets a copy
   */
  public static SuiteFileSystem onImage(FileSystemType type, RamDisk image) {
    return new SuiteFileSystem(type.name(), type, image, null, 0);
  }

  /** Describes the root filesystem of this kernel, which has no disk. */
  public static SuiteFileSystem ofRoot() {
    return new SuiteFileSystem("ramfs", null, null, null, 0);
  }

  /**
   * Describes a filesystem of another kernel.
   *
   * @param name its name in reports
   * @param starter starts the kernel
   */
  public static SuiteFileSystem on(String name, Starter starter) {
    return new SuiteFileSystem(name, null, null, starter, 0);
  }

  /**
   * Declares features.
   *
   * @param more what the filesystem can do
   * @return this
   */
  public SuiteFileSystem with(Feature... more) {
    features.addAll(Arrays.asList(more));
    return this;
  }

  /**
   * Sets the options of mkfs.
   *
   * @param options as for {@link io.pollux.syscalls.Kernel#mkfs}
   * @return this
   */
  public SuiteFileSystem withMkfsOptions(String options) {
    mkfsOptions = options;
    return this;
  }

  /**
   * Sets the options of mounts.
   *
   * @param options as for {@link io.pollux.syscalls.Kernel#mount}, without ro and rw
   * @return this
   */
  public SuiteFileSystem withMountOptions(String options) {
    mountOptions = options;
    return this;
  }

  /**
   * Declares the file of an image that behaviours read, and overwrite with {@link Feature#WRITE}.
   *
   * @param path its path from the root of the filesystem
   * @param bytes its size, at least 1 MiB and a multiple of 4096
   * @param content what it contains; no part of it is a hole
   * @return this
   */
  public SuiteFileSystem file(String path, long bytes, Content content) {
    prepared = new Prepared(path, bytes, content);
    return this;
  }

  /**
   * Limits the number of files that a behaviour creates.
   *
   * @param files at least 12; 200 by default
   * @return this
   */
  public SuiteFileSystem withFiles(int files) {
    maxFiles = files;
    return this;
  }

  /** Returns the name of the filesystem in reports. */
  public String name() {
    return name;
  }

  /**
   * Whether a feature is declared.
   *
   * @param feature the feature
   */
  public boolean has(Feature feature) {
    return features.contains(feature);
  }

  int maxFiles() {
    return maxFiles;
  }

  @Nullable Prepared prepared() {
    return prepared;
  }

  boolean isOfThisKernel() {
    return starter == null;
  }

  /** Whether the filesystem lies on a disk that the suite can reach. */
  boolean hasDisk() {
    return type != null;
  }

  FileSystemType type() {
    FileSystemType there = type;
    if (there == null) {
      throw new IllegalStateException(name + " has no disk");
    }
    return there;
  }

  String mkfsOptions() {
    return mkfsOptions;
  }

  String mountOptions(boolean readOnly) {
    return (readOnly ? "ro" : "rw") + (mountOptions.isEmpty() ? "" : "," + mountOptions);
  }

  /** Returns a disk for the filesystem, empty if {@link #isMade}. The caller closes it. */
  RamDisk newDisk() {
    RamDisk source = image;
    if (source == null) {
      return new RamDisk(diskBytes);
    }
    return copy(source, USED.computeIfAbsent(source, SuiteFileSystem::usedChunks));
  }

  /** Whether mkfs makes the filesystem. */
  boolean isMade() {
    return type != null && image == null;
  }

  /** Starts a machine. A machine of this kernel uses the kernel of the test. */
  Machine start(TestKernel kernel) throws Exception {
    Starter other = starter;
    if (other != null) {
      return other.start();
    }
    return type == null ? RootMachine.start(kernel) : DiskMachine.start(kernel, this);
  }

  /** Copies a disk in memory. The caller closes the copy. */
  static RamDisk copy(RamDisk disk) {
    return copy(disk, usedChunks(disk));
  }

  private static RamDisk copy(RamDisk disk, BitSet used) {
    RamDisk copy = new RamDisk(disk.bytes());
    for (int i = used.nextSetBit(0); i >= 0; i = used.nextSetBit(i + 1)) {
      long at = (long) i * CHUNK;
      long bytes = Math.min(CHUNK, disk.bytes() - at);
      RawMemory.copy(disk.address() + at, copy.address() + at, bytes);
    }
    return copy;
  }

  /** Finds the chunks that are not zero, so that a copy uses little memory. */
  private static BitSet usedChunks(RamDisk disk) {
    BitSet used = new BitSet();
    MemorySegment zeroes = MemorySegment.ofArray(new byte[CHUNK]);
    for (long at = 0; at < disk.bytes(); at += CHUNK) {
      long bytes = Math.min(CHUNK, disk.bytes() - at);
      MemorySegment chunk = RawMemory.segment(disk.address() + at, bytes);
      if (chunk.mismatch(zeroes.asSlice(0, bytes)) >= 0) {
        used.set((int) (at / CHUNK));
      }
    }
    return used;
  }
}
