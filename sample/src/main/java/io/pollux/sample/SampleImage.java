// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.sample;

import io.pollux.block.driver.RamDisk;
import io.pollux.uapi.RawMemory;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.util.Iterator;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveStructSparse;

/**
 * The sample images, one of XFS and one of GFS2, created by mkfs and filled by Linux. Each is a
 * sparse tar, and is unpacked sparsely into the memory of a disk.
 */
public final class SampleImage {
  /** The main file of each image: 16 MiB of {@link SamplePattern}. */
  public static final String MAIN_FILE = "/main.dat";

  private SampleImage() {}

  /**
   * Unpacks the XFS sample.
   *
   * @return a disk in memory with the image; the caller closes it
   */
  public static RamDisk load() {
    return load("xfs");
  }

  /**
   * Unpacks a sample.
   *
   * @param fs its filesystem: xfs or gfs2
   * @return a disk in memory with the image; the caller closes it
   */
  public static RamDisk load(String fs) {
    try (Reader reader = new Reader(fs)) {
      RamDisk disk = new RamDisk(reader.bytes());
      try {
        byte[] chunk = new byte[Reader.CHUNK];
        for (int length = reader.next(chunk); length > 0; length = reader.next(chunk)) {
          RawMemory.segment(disk.address() + reader.position(), length)
              .copyFrom(MemorySegment.ofArray(chunk).asSlice(0, length));
        }
      } catch (IOException e) {
        disk.close();
        throw e;
      }
      return disk;
    } catch (IOException e) {
      throw new UncheckedIOException(
          "the sample image that came with this build of pollux is damaged", e);
    }
  }

  /**
   * Returns whether there is a sample.
   *
   * @param fs name of a filesystem
   * @return true for xfs and gfs2
   */
  public static boolean exists(String fs) {
    return SampleImage.class.getResource(fs + "-sample.tar.gz") != null;
  }

  /**
   * Opens a file of a sample: the packed image, or a record of what Linux reads from it.
   *
   * @param name xfs-sample or gfs2-sample, with .tar.gz, .manifest, .sha256 or .probes
   * @return its bytes; the caller closes the stream
   */
  public static InputStream open(String name) {
    InputStream in = SampleImage.class.getResourceAsStream(name);
    if (in == null) {
      throw new IllegalStateException("this build of pollux came without its sample image");
    }
    return in;
  }

  /** Unpacks a sample piece by piece. */
  public static final class Reader implements AutoCloseable {
    /** Maximum size of a piece in bytes. */
    public static final int CHUNK = 64 << 10;

    private final TarArchiveInputStream tar;
    private final long bytes;
    private final Iterator<TarArchiveStructSparse> runs;
    private long position; // of the tar: the end of the last piece
    private long start; // of the last piece
    private long end; // of the current run of data

    /**
     * Opens a sample.
     *
     * @param fs its filesystem: xfs or gfs2
     * @throws IOException if it is damaged
     */
    public Reader(String fs) throws IOException {
      // Buffered, because gzip returns short reads, and the tar reader takes one for the end of the
      // data.
      InputStream packed = new GZIPInputStream(open(fs + "-sample.tar.gz"), CHUNK);
      tar = new TarArchiveInputStream(new BufferedInputStream(packed, CHUNK));
      TarArchiveEntry entry = tar.getNextEntry();
      if (entry == null || !entry.isSparse()) {
        tar.close();
        throw new IOException("no sparse file in the archive");
      }
      bytes = entry.getRealSize();
      runs = entry.getOrderedSparseHeaders().iterator();
    }

    /** {@return the size of the image in bytes} */
    public long bytes() {
      return bytes;
    }

    /** {@return the position of the last piece in the image} */
    public long position() {
      return start;
    }

    /**
     * Reads the next piece of data. What is between pieces is zero.
     *
     * @param chunk receives it, {@link #CHUNK} bytes
     * @return its length, or 0 after the last piece
     * @throws IOException if the sample is damaged
     */
    public int next(byte[] chunk) throws IOException {
      while (position == end) {
        if (!runs.hasNext()) {
          return 0;
        }
        TarArchiveStructSparse run = runs.next();
        tar.skipNBytes(run.getOffset() - position);
        position = run.getOffset();
        end = position + run.getNumbytes();
      }
      int length = (int) Math.min(chunk.length, end - position);
      if (tar.readNBytes(chunk, 0, length) != length) {
        throw new IOException("the archive ends early");
      }
      start = position;
      position += length;
      return length;
    }

    @Override
    public void close() throws IOException {
      tar.close();
    }
  }
}
