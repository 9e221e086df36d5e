// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.block.driver.RamDisk;
import io.pollux.core.ErrnoException;
import io.pollux.sample.SampleImage;
import io.pollux.uapi.RawMemory;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** The search for the extent of a random block, in a file of one extent up to a million. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1) // with the options of benchmarks/run
public class ExtentLookupBenchmark {
  private static final int SUPERBLOCK = 512;
  private static final int BLOCKS = 2; // of each extent
  // followed by a hole of two blocks, or, uneven, of one to three
  private static final long STRIDE = 4;

  /** Extents of the file. */
  @Param({"1", "100", "10000", "1000000"})
  public int extents;

  /** Whether all holes are of the same length. */
  @Param({"true", "false"})
  public boolean even;

  private XfsSb sb;
  private XfsExtents map;
  private long random;

  /** Makes the map. All extents have the same device block, which the map permits. */
  @Setup
  public void make() throws ErrnoException {
    byte[] head = new byte[SUPERBLOCK];
    try (RamDisk sample = SampleImage.load()) {
      RawMemory.segment(sample.address(), SUPERBLOCK).asByteBuffer().get(head);
      sb = new XfsSb(new BufData(head, 0, "superblock", XfsError.EFSCORRUPTED), sample.bytes());
    }
    XfsExtents.Builder builder = new XfsExtents.Builder(sb, extents);
    ByteBuffer record = ByteBuffer.allocate(XfsExtents.RECORD_BYTES);
    for (long i = 0; i < extents; i++) {
      record.putLong(0, start(i) << 9).putLong(8, 64L << 21 | BLOCKS);
      builder.add(new BufData(record.array(), 0, "record", XfsError.EFSCORRUPTED), 0);
    }
    map = builder.build();
  }

  /**
   * One lookup of a random mapped block, as XfsIomap does it: a block in the first extent needs no
   * search.
   */
  @Benchmark
  public int find() {
    random = random * 0x5DEECE66DL + 11;
    long fileoff = start((random >>> 32) % extents) + (random >>> 31 & 1);
    return map.inFirst(sb.toPos(fileoff)) ? 0 : map.find(fileoff);
  }

  private long start(long extent) {
    return extent * STRIDE + (even ? 0 : Long.bitCount(extent) & 1);
  }
}
