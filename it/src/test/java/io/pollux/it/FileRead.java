// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import io.pollux.syscalls.Program;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.RawMemory;
import io.pollux.userland.PathName;
import io.pollux.userland.SyscallException;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import io.pollux.userland.UserRing;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;

/** A way to read a file to its end, and the sum of what was read. */
enum FileRead {
  /** pread64 through the page cache, or what stands for it. */
  BUFFERED(0, false, 0),
  /** pread64 with O_DIRECT. */
  DIRECT(Fcntl.O_DIRECT, false, 0),
  /** The rings, neither polled nor with fixed buffers. */
  RING(Fcntl.O_DIRECT, true, 0),
  /** The rings, on a file without O_DIRECT. */
  RING_BUFFERED(0, true, 0),
  /** Polled rings. */
  RING_POLLED(Fcntl.O_DIRECT, true, AioAbi.IOCTX_FLAG_IOPOLL),
  /** Polled rings with fixed buffers. */
  RING_POLLED_FIXED(Fcntl.O_DIRECT, true, AioAbi.IOCTX_FLAG_IOPOLL | AioAbi.IOCTX_FLAG_FIXEDBUFS);

  private static final int PIECE = 64 << 10;
  private static final int DEPTH = 8;

  private final int openFlags;
  private final boolean ring;
  private final int contextFlags;

  FileRead(int openFlags, boolean ring, int contextFlags) {
    this.openFlags = openFlags;
    this.ring = ring;
    this.contextFlags = contextFlags;
  }

  /** The SHA-256 of a file, in hex as sha256sum has it. */
  String sum(Program program, UserFiles files, PathName path) {
    MessageDigest digest = sha256();
    int fd = files.open(path, Fcntl.O_RDONLY | openFlags);
    try {
      if (ring) {
        throughRing(program, fd, digest);
      } else {
        bySyscall(program, files, fd, digest);
      }
    } finally {
      files.close(fd);
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static void bySyscall(Program program, UserFiles files, int fd, MessageDigest digest) {
    try (UserMemory memory = UserMemory.map(program, DEPTH * PIECE)) {
      long at = 0;
      long got = memory.bytes();
      while (got == memory.bytes()) {
        got = files.pread(fd, memory.address(), memory.bytes(), at);
        digest.update(RawMemory.segment(memory.address(), got).asByteBuffer());
        at += got;
      }
    }
  }

  private void throughRing(Program program, int fd, MessageDigest digest) {
    try (UserRing rings = UserRing.setup(program, DEPTH, contextFlags, PIECE)) {
      long at = 0;
      long[] results = new long[DEPTH + 1]; // by slot
      boolean more = true;
      while (more) {
        int[] slots = new int[DEPTH];
        for (int i = 0; i < DEPTH; i++) {
          slots[i] = rings.read(fd, at + (long) i * PIECE, PIECE);
        }
        Arrays.fill(results, Long.MIN_VALUE);
        rings.submitAndWait(DEPTH);
        for (long event = rings.peek(); event != 0; event = rings.peek()) {
          results[rings.slot(event)] = SyscallException.check("event", IoEvent.res(event));
          rings.consume(event);
        }
        for (int slot : slots) {
          if (more) {
            digest.update(rings.segment(slot).asSlice(0, results[slot]).asByteBuffer());
          } else if (results[slot] != 0) {
            throw new AssertionError("a read behind the end of the file answers " + results[slot]);
          }
          more &= results[slot] == PIECE;
        }
        at += (long) DEPTH * PIECE;
      }
    }
  }

  /** SHA-256, without the exception that no Java throws. */
  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java has it", e);
    }
  }
}
