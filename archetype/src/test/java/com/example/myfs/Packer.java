// SPDX-License-Identifier: GPL-2.0-only
package com.example.myfs;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.core.ErrnoException;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Writes files to a disk, each in one piece, and then the table. */
final class Packer {
  /** Size of the sample file main.dat. */
  static final int SAMPLE_BYTES = 1 << 20;

  private static final int PIECE = MyFs.DATA; // bytes, whole blocks

  private final Task current;
  private final BlockDevice bdev;

  Packer(Task current, BlockDevice bdev) {
    this.current = current;
    this.bdev = bdev;
  }

  /** A file to pack. */
  record Source(String name, Opener content) {
    /** Opens the content. */
    interface Opener {
      InputStream open() throws IOException;
    }
  }

  static List<Source> samples() {
    byte[] main = new byte[SAMPLE_BYTES];
    MemorySegment segment = MemorySegment.ofArray(main);
    for (int at = 0; at < main.length; at += Integer.BYTES) {
      segment.set(ValueLayout.JAVA_INT_UNALIGNED, at, sampleWord(at));
    }
    byte[] text = "Hello from a filesystem\n".getBytes(StandardCharsets.US_ASCII);
    return List.of(
        new Source("hello.txt", () -> new ByteArrayInputStream(text)),
        new Source("main.dat", () -> new ByteArrayInputStream(main)));
  }

  /** Returns the four bytes at a position of main.dat. */
  static int sampleWord(long position) {
    return (int) position * 0x9e3779b1 + 1;
  }

  /** Returns the regular files of a directory of the host. */
  static List<Source> filesOf(String directory) throws ErrnoException {
    try (Stream<Path> paths = Files.list(Path.of(directory))) {
      return paths
          .filter(Files::isRegularFile)
          .sorted()
          .map(path -> new Source(path.getFileName().toString(), () -> Files.newInputStream(path)))
          .toList();
    } catch (IOException | InvalidPathException e) {
      throw new ErrnoException(Errno.EINVAL, "option from: " + e.getMessage());
    }
  }

  void pack(List<Source> files) throws ErrnoException {
    if (files.size() > Table.MAX_FILES) {
      throw new ErrnoException(Errno.ENOSPC, "there are more than " + Table.MAX_FILES + " files");
    }
    long buffer = HostMemory.map(PIECE);
    if (buffer == 0) {
      throw new ErrnoException(Errno.ENOMEM);
    }
    try {
      List<Table.Entry> entries = new ArrayList<>();
      long addr = MyFs.DATA;
      for (Source file : files) {
        Table.Entry entry = write(file, addr, buffer);
        entries.add(entry);
        addr += entry.blocks() * MyFs.BLOCK;
      }
      Table.encode(buffer, entries);
      write(0, buffer, MyFs.DATA);
      MyFs.check(bdev, bdev.flushAndWait(current));
    } catch (IOException e) {
      throw new ErrnoException(Errno.EIO, String.valueOf(e.getMessage()));
    } finally {
      HostMemory.unmap(buffer, PIECE);
    }
  }

  private Table.Entry write(Source file, long addr, long buffer)
      throws IOException, ErrnoException {
    byte[] name = file.name().getBytes(StandardCharsets.UTF_8);
    if (name.length > Table.MAX_NAME) {
      throw new ErrnoException(Errno.ENAMETOOLONG, file.name() + " is too long a name");
    }
    long size = 0;
    try (InputStream content = file.content().open()) {
      byte[] piece = content.readNBytes(PIECE);
      while (piece.length > 0) {
        RawMemory.zero(buffer, PIECE); // the rest of the last block
        RawMemory.segment(buffer, piece.length).copyFrom(MemorySegment.ofArray(piece));
        write(addr + size, buffer, (piece.length + MyFs.BLOCK - 1) / MyFs.BLOCK * MyFs.BLOCK);
        size += piece.length;
        piece = content.readNBytes(PIECE);
      }
    }
    return new Table.Entry(new String(name, StandardCharsets.ISO_8859_1), size, addr);
  }

  private void write(long addr, long buffer, int bytes) throws ErrnoException {
    if (addr > bdev.bytes() - bytes) {
      throw new ErrnoException(Errno.ENOSPC, bdev.name() + " is too small for the files");
    }
    int op = BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_META;
    MyFs.check(bdev, bdev.transferAndWait(current, addr, buffer, bytes, op));
  }
}
