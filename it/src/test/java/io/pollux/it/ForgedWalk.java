// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.syscalls.Program;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxDirent64;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.StatMode;
import io.pollux.userland.FileStatus;
import io.pollux.userland.PathName;
import io.pollux.userland.SyscallException;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import java.io.ByteArrayOutputStream;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Walks over a tree that may say anything: each directory once, each name in it by every call that
 * takes names, files from both ends. It has limits of its own, and a kernel that makes it reach
 * them has no end somewhere.
 */
final class ForgedWalk {
  private static final int MOST_NAMES = 100_000;
  private static final int ROOM = 64 << 10;
  private static final int PIECE = 1 << 20;
  private static final int MOST_PIECES = 24;

  private final Map<Integer, Integer> errors = new TreeMap<>();
  private final Set<Long> entered = new HashSet<>();
  private final Set<Long> read = new HashSet<>();
  private int seen;

  /** Names that were seen. */
  int seen() {
    return seen;
  }

  /** How often there was which error. */
  Map<Integer, Integer> errors() {
    return errors;
  }

  void run(Program program, PathName root) {
    Deque<PathName> pending = new ArrayDeque<>();
    pending.add(root);
    try (UserFiles files = new UserFiles(program);
        UserMemory names = UserMemory.map(program, ROOM);
        UserMemory data = UserMemory.map(program, PIECE)) {
      while (!pending.isEmpty()) {
        PathName directory = pending.remove();
        attempt(() -> enter(program, files, names, data, directory, pending));
      }
    }
  }

  private void attempt(Runnable work) {
    try {
      work.run();
    } catch (SyscallException e) {
      errors.merge(e.errno(), 1, Integer::sum);
    }
  }

  private void enter(
      Program program,
      UserFiles files,
      UserMemory names,
      UserMemory data,
      PathName directory,
      Deque<PathName> pending) {
    int fd = files.open(directory, Fcntl.O_RDONLY | Fcntl.O_DIRECTORY);
    try {
      if (!entered.add(files.fstat(fd).ino())) {
        return;
      }
      while (true) {
        long bytes =
            SyscallException.check(
                "getdents64", program.syscall(Nr.GETDENTS64, fd, names.address(), ROOM));
        if (bytes == 0) {
          return;
        }
        for (long at = names.address();
            at < names.address() + bytes;
            at += LinuxDirent64.dReclen(at) & 0xffff) {
          assertThat(++seen).as("names, in a tree of some thousands").isLessThan(MOST_NAMES);
          PathName name = name(at);
          if (!name.isDots()) {
            attempt(() -> look(files, data, directory.resolve(name), pending));
          }
        }
      }
    } finally {
      files.close(fd);
    }
  }

  private static PathName name(long entry) {
    ByteArrayOutputStream name = new ByteArrayOutputStream();
    for (long at = entry + LinuxDirent64.SIZE; RawMemory.getByte(at) != 0; at++) {
      name.write(RawMemory.getByte(at));
    }
    return PathName.of(name.toByteArray());
  }

  private void look(UserFiles files, UserMemory data, PathName path, Deque<PathName> pending) {
    FileStatus status = files.lstat(path);
    if (status.is(StatMode.S_IFDIR)) {
      pending.add(path);
    } else if (status.is(StatMode.S_IFLNK)) {
      attempt(() -> files.readlink(path));
      attempt(() -> files.stat(path));
    } else if (status.is(StatMode.S_IFREG) && read.add(status.ino())) {
      readBothEnds(files, data, path, Fcntl.O_DIRECT, status.size());
      readBothEnds(files, data, path, 0, status.size());
    }
  }

  private void readBothEnds(UserFiles files, UserMemory data, PathName path, int flags, long size) {
    int fd = files.open(path, Fcntl.O_RDONLY | flags);
    try {
      attempt(
          () -> {
            long got = PIECE;
            for (int i = 0; i < MOST_PIECES && got == PIECE; i++) {
              got = files.pread(fd, data.address(), PIECE, (long) i * PIECE);
            }
          });
      attempt(() -> files.pread(fd, data.address(), PIECE, Math.max(0, size - 1) & -PIECE));
    } finally {
      files.close(fd);
    }
  }
}
