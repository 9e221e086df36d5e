// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.sample;

import io.pollux.block.driver.RamDisk;
import io.pollux.uapi.RawMemory;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
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

  private static final int CHUNK = 64 << 10;

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
    try (InputStream packed = open(fs + "-sample.tar.gz")) {
      // Buffered, because gzip returns short reads, and the tar reader takes one for the end of the
      // data.
      InputStream whole = new BufferedInputStream(new GZIPInputStream(packed, CHUNK), CHUNK);
      TarArchiveInputStream tar = new TarArchiveInputStream(whole);
      TarArchiveEntry entry = tar.getNextEntry();
      if (entry == null || !entry.isSparse()) {
        throw new IOException("no sparse file in the archive");
      }
      RamDisk disk = new RamDisk(entry.getRealSize());
      try {
        unpack(tar, entry, disk.address());
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

  private static void unpack(TarArchiveInputStream tar, TarArchiveEntry entry, long address)
      throws IOException {
    byte[] chunk = new byte[CHUNK];
    long position = 0;
    for (TarArchiveStructSparse data : entry.getOrderedSparseHeaders()) {
      tar.skipNBytes(data.getOffset() - position);
      position = data.getOffset();
      long end = position + data.getNumbytes();
      while (position < end) {
        int wanted = (int) Math.min(chunk.length, end - position);
        if (tar.readNBytes(chunk, 0, wanted) != wanted) {
          throw new IOException("the archive ends early");
        }
        ByteBuffer to = RawMemory.segment(address + position, wanted).asByteBuffer();
        to.put(chunk, 0, wanted);
        position += wanted;
      }
    }
  }
}
