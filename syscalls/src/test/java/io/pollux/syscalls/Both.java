// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxDirent64;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.TreeMap;

/**
 * This kernel and the machine's Linux, on which a test makes the same calls. Each call must have
 * the same result and the same output on both.
 */
final class Both {
  /** A result that is an address or a descriptor: only errors are compared. */
  private static final String DONE = "done";

  private static final int SLOTS = 16;
  private static final int[] CLOSED = {-1, -1};

  private final Side pollux = new PolluxSide();
  private final Side linux;
  private final int[][] fds =
      new int[SLOTS][]; // a slot: the descriptor of this kernel, and Linux's
  private final List<String> log = new ArrayList<>();

  Both() throws Exception {
    linux = new LinuxSide();
    Arrays.fill(fds, CLOSED);
    put(linux.memory(), "/dev\0".getBytes(StandardCharsets.ISO_8859_1));
    assertThat(linux.syscall(Nr.MKDIR, linux.memory(), 0755)).isZero(); // as this kernel has it
  }

  /** An open file, by its slot. */
  record Slot(int number) {}

  /** A buffer for output that is compared. */
  record Out(int bytes) {}

  /** A buffer for a list of names, each with a 0 byte, whose order differs between filesystems. */
  record NamesOut(int bytes) {}

  /** A buffer for a struct stat, of which the fields that must be equal are compared. */
  record StatOut() {}

  /** Makes a call with strings, byte arrays, numbers, {@link Slot}s and outputs as arguments. */
  void call(int nr, Object... arguments) {
    compare(nr, false, arguments);
  }

  /** Opens a file into a slot. */
  void open(int slot, int nr, Object... arguments) {
    long[] results = compare(nr, true, arguments);
    if (results[0] >= 0) {
      int[] before = fds[slot];
      fds[slot] = new int[] {(int) results[0], (int) results[1]};
      if (before != CLOSED) {
        pollux.syscall(Nr.CLOSE, before[0]);
        linux.syscall(Nr.CLOSE, before[1]);
      }
    }
  }

  void close(int slot) {
    if (fds[slot] != CLOSED) {
      call(Nr.CLOSE, new Slot(slot));
      fds[slot] = CLOSED;
    }
  }

  private long[] compare(int nr, boolean opens, Object... arguments) {
    log.add(describe(nr, arguments));
    String[] texts = new String[2];
    long[] results = new long[2];
    for (int side = 0; side < 2; side++) {
      Side kernel = side == 0 ? pollux : linux;
      StringBuilder text = new StringBuilder();
      results[side] = run(kernel, side, nr, arguments, text);
      boolean success = opens && results[side] >= 0;
      texts[side] = (success ? DONE : LinuxSide.text(results[side])) + text;
    }
    assertThat(texts[0])
        .as("%s, after:%n%s", log.getLast(), String.join("\n", last()))
        .isEqualTo(texts[1]);
    return results;
  }

  private List<String> last() {
    return log.subList(Math.max(0, log.size() - 40), log.size() - 1);
  }

  private static String describe(int nr, Object... arguments) {
    StringBuilder text = new StringBuilder().append(nr).append('(');
    for (Object argument : arguments) {
      String one =
          argument instanceof byte[] bytes
              ? bytes.length + " bytes"
              : argument instanceof String string && string.length() > 60
                  ? string.substring(0, 10) + "... " + string.length()
                  : argument.toString();
      text.append(text.charAt(text.length() - 1) == '(' ? "" : ", ").append(one);
    }
    return text.append(')').toString();
  }

  private long run(Side kernel, int side, int nr, Object[] arguments, StringBuilder output) {
    long[] words = new long[arguments.length];
    long at = kernel.memory();
    for (int i = 0; i < arguments.length; i++) {
      int room = 0;
      switch (arguments[i]) {
        case Integer number -> words[i] = number;
        case Long number -> words[i] = number;
        case Slot slot -> words[i] = fds[slot.number][side];
        case String text -> {
          byte[] bytes = (text + "\0").getBytes(StandardCharsets.ISO_8859_1);
          words[i] = put(at, bytes);
          room = bytes.length;
        }
        case byte[] bytes -> {
          words[i] = put(at, bytes);
          room = bytes.length;
        }
        case Out out -> {
          words[i] = put(at, new byte[out.bytes]);
          room = out.bytes;
        }
        case NamesOut out -> {
          words[i] = put(at, new byte[out.bytes]);
          room = out.bytes;
        }
        case StatOut out -> {
          words[i] = put(at, new byte[(int) Stat.SIZE]);
          room = (int) Stat.SIZE;
        }
        default -> throw new IllegalArgumentException(arguments[i].toString());
      }
      at += (room + 15) & -8;
    }
    long result = kernel.syscall(nr, words);
    for (int i = 0; i < arguments.length; i++) {
      if (arguments[i] instanceof Out out) {
        byte[] bytes = RawMemory.segment(words[i], out.bytes).toArray(ValueLayout.JAVA_BYTE);
        output.append(' ').append(HexFormat.of().formatHex(bytes));
      } else if (arguments[i] instanceof NamesOut && result > 0) {
        output.append(' ').append(names(words[i], result));
      } else if (arguments[i] instanceof StatOut && result == 0) {
        output.append(' ').append(stat(words[i]));
      }
    }
    return result;
  }

  private static long put(long at, byte[] bytes) {
    MemorySegment.copy(
        bytes, 0, RawMemory.segment(at, bytes.length), ValueLayout.JAVA_BYTE, 0, bytes.length);
    return at;
  }

  /** Sizes of directories differ between filesystems; times and numbers of inodes do too. */
  private static String stat(long at) {
    int mode = Stat.stMode(at);
    boolean file = StatMode.isType(mode, StatMode.S_IFREG);
    boolean directory = StatMode.isType(mode, StatMode.S_IFDIR);
    return String.format(
        "%o %d %d:%d %d %d %x",
        mode,
        Stat.stNlink(at),
        Stat.stUid(at),
        Stat.stGid(at),
        directory ? 0 : Stat.stSize(at),
        file ? Stat.stBlocks(at) : 0,
        Stat.stRdev(at));
  }

  /** Compares the access and modification times of a file. */
  void compareTimes(String path) {
    assertThat(times(pollux, path))
        .as("%s after %s", path, log.getLast())
        .isEqualTo(times(linux, path));
  }

  private static String times(Side kernel, String path) {
    long at = put(kernel.memory(), (path + "\0").getBytes(StandardCharsets.ISO_8859_1));
    long stat = at + 8192;
    assertThat(kernel.syscall(Nr.LSTAT, at, stat)).isZero();
    return String.format(
        "%d.%09d %d.%09d",
        Stat.stAtime(stat), Stat.stAtimeNsec(stat), Stat.stMtime(stat), Stat.stMtimeNsec(stat));
  }

  /** Compares the whole trees: names, attributes, targets of links, extended attributes. */
  void compareTrees() {
    assertThat(tree(pollux))
        .as("the trees after:%n%s", String.join("\n", last()))
        .isEqualTo(tree(linux));
  }

  private static String tree(Side kernel) {
    StringBuilder text = new StringBuilder();
    list(kernel, "", text, 0);
    return text.toString();
  }

  private static void list(Side kernel, String directory, StringBuilder text, int depth) {
    assertThat(depth).isLessThan(40);
    long path = kernel.memory();
    long buffer = path + 8192;
    put(path, (directory + "/\0").getBytes(StandardCharsets.ISO_8859_1));
    int fd = (int) kernel.syscall(Nr.OPEN, path, Fcntl.O_RDONLY | Fcntl.O_DIRECTORY, 0);
    assertThat(fd).as(directory).isNotNegative();
    TreeMap<String, Integer> names = new TreeMap<>();
    while (true) {
      long bytes = kernel.syscall(Nr.GETDENTS64, fd, buffer, 65_536);
      assertThat(bytes).isNotNegative();
      if (bytes == 0) {
        break;
      }
      for (long at = buffer; at < buffer + bytes; at += LinuxDirent64.dReclen(at)) {
        names.put(string(at + LinuxDirent64.SIZE), (int) LinuxDirent64.dType(at));
      }
    }
    kernel.syscall(Nr.CLOSE, fd);
    for (String name : names.keySet()) {
      boolean dots = name.equals(".") || name.equals("..");
      if (dots || (directory.isEmpty() && name.equals("dev"))) { // /dev is this kernel's own
        text.append(directory).append('/').append(dots ? name + "\n" : "");
        continue;
      }
      String at = directory + "/" + name;
      put(path, (at + "\0").getBytes(StandardCharsets.ISO_8859_1));
      assertThat(kernel.syscall(Nr.LSTAT, path, buffer)).as(at).isZero();
      int mode = Stat.stMode(buffer);
      text.append(at).append(' ').append(names.get(name)).append(' ').append(stat(buffer));
      long listed = kernel.syscall(Nr.LLISTXATTR, path, buffer, 65_536);
      text.append(" xattrs ").append(listed < 0 ? LinuxSide.text(listed) : names(buffer, listed));
      if (StatMode.isType(mode, StatMode.S_IFLNK)) {
        long length = kernel.syscall(Nr.READLINK, path, buffer, 65_536);
        text.append(" -> ").append(string(buffer, length));
      }
      text.append('\n');
      if (StatMode.isType(mode, StatMode.S_IFDIR)) {
        list(kernel, at, text, depth + 1);
      }
    }
  }

  private static String names(long at, long bytes) {
    String[] names = string(at, bytes).split("\0");
    Arrays.sort(names);
    return String.join(",", names);
  }

  private static String string(long at) {
    long length = 0;
    while (RawMemory.getByte(at + length) != 0) {
      length++;
    }
    return string(at, length);
  }

  private static String string(long at, long length) {
    return length < 0
        ? LinuxSide.text(length)
        : new String(
            RawMemory.segment(at, length).toArray(ValueLayout.JAVA_BYTE),
            StandardCharsets.ISO_8859_1);
  }

  /** Closes all files and both kernels. */
  void close() throws Exception {
    for (int slot = 0; slot < fds.length; slot++) {
      close(slot);
    }
    pollux.close();
    linux.close();
  }
}
