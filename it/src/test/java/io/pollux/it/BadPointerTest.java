// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.driver.RamDisk;
import io.pollux.sample.SamplePattern;
import io.pollux.syscalls.Program;
import io.pollux.testkit.PolluxKernel;
import io.pollux.testkit.TestDisk;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIoEventRing;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Iovec;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every argument of every call that is a pointer, with pointers that are none: the call answers
 * EFAULT, or EINVAL where the pointer is misaligned, and the kernel works as before.
 */
class BadPointerTest {
  private static final int PAGE = 4096;

  @RegisterExtension
  final PolluxKernel pollux = PolluxKernel.withSample().withDisk("ram0", TestDisk.ram(1 << 20));

  /** What a program has at hand to make calls with. */
  private static final class Caller {
    final Program program;
    final long spare;
    final long memory; // good, read and write
    final long path;
    final long linkPath;
    final int file; // main.dat, buffered
    final int direct; // main.dat, O_DIRECT
    final int directory;
    final int disk; // /dev/ram0, to be written
    final long sq;
    final long cq;
    final long ctxp;

    Caller(Program program) {
      this.program = program;
      spare = map(64 * PAGE, Mman.PROT_NONE);
      memory = map(16 * PAGE, Mman.PROT_READ | Mman.PROT_WRITE);
      path = memory;
      linkPath = memory + 256;
      put(linkPath, "/mnt/links/relative");
      file = open("/mnt/main.dat", Fcntl.O_RDONLY);
      direct = open("/mnt/main.dat", Fcntl.O_RDONLY | Fcntl.O_DIRECT);
      directory = open("/mnt/names", Fcntl.O_RDONLY);
      disk = open("/dev/ram0", Fcntl.O_RDWR | Fcntl.O_DIRECT);
      sq = memory + 4 * PAGE;
      cq = memory + 5 * PAGE;
      ctxp = memory + 6 * PAGE;
      put(path, "/mnt/main.dat");
    }

    long map(long bytes, int prot) {
      long address =
          program.syscall(Nr.MMAP, 0, bytes, prot, Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS, -1, 0);
      assertThatCall(address).succeeds();
      return address;
    }

    void put(long at, String text) {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      for (int i = 0; i < bytes.length; i++) {
        RawMemory.putByte(at + i, bytes[i]);
      }
      RawMemory.putByte(at + bytes.length, (byte) 0);
    }

    int open(String name, int flags) {
      put(path, name);
      long fd = program.syscall(Nr.OPEN, path, flags, 0);
      assertThatCall(fd).succeeds();
      return (int) fd;
    }

    long iovec(long base, long length) {
      long iovec = memory + 512;
      RawMemory.putLong(iovec, base);
      RawMemory.putLong(iovec + 8, length);
      assertThat(Iovec.SIZE).isEqualTo(16);
      return iovec;
    }

    long setup(int flags, long sqRing, long cqRing, long contextPointer) {
      RawMemory.putLong(ctxp, 0);
      long result =
          program.syscall(
              Nr.IO_SETUP2,
              4,
              flags | AioAbi.IOCTX_FLAG_SCQRING,
              0,
              sqRing,
              cqRing,
              contextPointer);
      if (result == 0) {
        program.syscall(Nr.IO_DESTROY, RawMemory.getLong(ctxp));
      }
      return result;
    }

    long fixedBuffers(long buffer) {
      for (int i = 0; i < 4; i++) {
        Iocb.aioBuf(AioIocbRing.iocb(sq, i), i == 2 ? buffer : memory + 8 * PAGE);
        Iocb.aioNbytes(AioIocbRing.iocb(sq, i), 512);
      }
      return setup(AioAbi.IOCTX_FLAG_FIXEDBUFS, sq, cq, ctxp);
    }

    /** One request through rings; answers its result, or the submission's. */
    long ring(int flags, int opcode, int fd, long buffer, long nbytes) {
      RawMemory.putLong(ctxp, 0);
      assertThatCall(
              program.syscall(Nr.IO_SETUP2, 4, flags | AioAbi.IOCTX_FLAG_SCQRING, 0, sq, cq, ctxp))
          .returns(0);
      long context = RawMemory.getLong(ctxp);
      long iocb = AioIocbRing.iocb(sq, 0);
      RawMemory.zero(iocb, Iocb.SIZE);
      Iocb.aioLioOpcode(iocb, (short) opcode);
      Iocb.aioFildes(iocb, fd);
      Iocb.aioBuf(iocb, buffer);
      Iocb.aioNbytes(iocb, nbytes);
      Iocb.aioFlags(iocb, (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0 ? AioAbi.IOCB_FLAG_HIPRI : 0);
      AioIocbRing.tail(sq, 1);
      int submitAndWait = AioAbi.IORING_FLAG_SUBMIT | AioAbi.IORING_FLAG_GETEVENTS;
      long result = program.syscall(Nr.IO_RING_ENTER, context, 1, 1, submitAndWait);
      if (result == 1) {
        assertThat(AioIoEventRing.tail(cq)).isEqualTo(1);
        result = IoEvent.res(AioIoEventRing.event(cq, 0));
      }
      assertThatCall(program.syscall(Nr.IO_DESTROY, context)).returns(0);
      return result;
    }

    /** Pointers that are none. */
    Map<String, Long> badPointers(long diskMemory, long otherProgram) {
      Map<String, Long> bad = new LinkedHashMap<>();
      bad.put("null", 0L);
      bad.put("one", 1L);
      bad.put("first page", (long) PAGE);
      bad.put("all ones", -1L);
      bad.put("upper half", 0xffff_8000_0000_0000L);
      bad.put("least", Long.MIN_VALUE);
      bad.put("most", Long.MAX_VALUE);
      bad.put("end of user space", 0x7fff_ffff_f000L);
      bad.put("the kernel's own", diskMemory);
      bad.put("another program's", otherProgram);
      bad.put("PROT_NONE", map(PAGE, Mman.PROT_NONE));
      bad.put("read-only", map(4 * PAGE, Mman.PROT_READ));
      long unmapped = map(PAGE, Mman.PROT_READ | Mman.PROT_WRITE);
      long partly = map(2 * PAGE, Mman.PROT_READ | Mman.PROT_WRITE);
      map(PAGE, Mman.PROT_NONE);
      // What is mapped later, by a context for instance, takes the lowest room that there is, and
      // that is not here.
      assertThatCall(program.syscall(Nr.MUNMAP, spare, 64 * PAGE)).returns(0);
      assertThatCall(program.syscall(Nr.MUNMAP, partly + PAGE, PAGE)).returns(0);
      assertThatCall(program.syscall(Nr.MUNMAP, unmapped, PAGE)).returns(0);
      bad.put("unmapped", unmapped);
      bad.put("behind the end", partly + PAGE);
      RawMemory.segment(partly, PAGE).fill((byte) 'x'); // a string without an end
      bad.put("over the end", partly + PAGE - 4);
      return bad;
    }
  }

  /** What a pointer is for. */
  private enum Use {
    READ,
    WRITE
  }

  private interface PointerCall {
    long call(Caller caller, long pointer);
  }

  /** One pointer argument of one call. */
  private record Argument(String name, Use use, PointerCall call) {
    /** Whether it is a buffer of direct I/O, or something that points to one. */
    boolean direct() {
      return name.contains("direct") || name.contains("disk") || name.contains("polled");
    }

    @Override
    public String toString() {
      return name;
    }
  }

  /** Each pointer argument of each call. */
  static List<Argument> arguments() {
    return List.of(
        new Argument(
            "open path", Use.READ, (c, p) -> c.program.syscall(Nr.OPEN, p, Fcntl.O_RDONLY, 0)),
        new Argument(
            "openat path",
            Use.READ,
            (c, p) -> c.program.syscall(Nr.OPENAT, Fcntl.AT_FDCWD, p, Fcntl.O_RDONLY, 0)),
        new Argument(
            "openat path below",
            Use.READ,
            (c, p) -> c.program.syscall(Nr.OPENAT, c.directory, p, Fcntl.O_RDONLY, 0)),
        new Argument(
            "stat path", Use.READ, (c, p) -> c.program.syscall(Nr.STAT, p, c.memory + PAGE)),
        new Argument("stat result", Use.WRITE, (c, p) -> c.program.syscall(Nr.STAT, c.path, p)),
        new Argument(
            "lstat path", Use.READ, (c, p) -> c.program.syscall(Nr.LSTAT, p, c.memory + PAGE)),
        new Argument("lstat result", Use.WRITE, (c, p) -> c.program.syscall(Nr.LSTAT, c.path, p)),
        new Argument("fstat result", Use.WRITE, (c, p) -> c.program.syscall(Nr.FSTAT, c.file, p)),
        new Argument(
            "newfstatat path",
            Use.READ,
            (c, p) -> c.program.syscall(Nr.NEWFSTATAT, Fcntl.AT_FDCWD, p, c.memory + PAGE, 0)),
        new Argument(
            "newfstatat result",
            Use.WRITE,
            (c, p) -> c.program.syscall(Nr.NEWFSTATAT, Fcntl.AT_FDCWD, c.path, p, 0)),
        new Argument(
            "readlink path",
            Use.READ,
            (c, p) -> c.program.syscall(Nr.READLINK, p, c.memory + PAGE, 100)),
        new Argument(
            "readlink result",
            Use.WRITE,
            (c, p) -> c.program.syscall(Nr.READLINK, c.linkPath, p, 100)),
        new Argument(
            "getdents64 result",
            Use.WRITE,
            (c, p) -> c.program.syscall(Nr.GETDENTS64, c.directory, p, 1000)),
        new Argument(
            "read buffer", Use.WRITE, (c, p) -> c.program.syscall(Nr.READ, c.file, p, 512)),
        new Argument(
            "pread64 buffer",
            Use.WRITE,
            (c, p) -> c.program.syscall(Nr.PREAD64, c.file, p, 512, 1024)),
        new Argument(
            "pread64 direct",
            Use.WRITE,
            (c, p) -> c.program.syscall(Nr.PREAD64, c.direct, p, 512, 1024)),
        new Argument(
            "pread64 disk",
            Use.WRITE,
            (c, p) -> c.program.syscall(Nr.PREAD64, c.disk, p, 512, 1024)),
        new Argument(
            "preadv vector", Use.READ, (c, p) -> c.program.syscall(Nr.PREADV, c.file, p, 1, 0)),
        new Argument(
            "preadv buffer",
            Use.WRITE,
            (c, p) -> c.program.syscall(Nr.PREADV, c.file, c.iovec(p, 512), 1, 0)),
        new Argument(
            "preadv direct",
            Use.WRITE,
            (c, p) -> c.program.syscall(Nr.PREADV, c.direct, c.iovec(p, 512), 1, 0)),
        new Argument(
            "preadv2 vector",
            Use.READ,
            (c, p) -> c.program.syscall(Nr.PREADV2, c.file, p, 1, 0, 0, 0)),
        new Argument(
            "preadv2 polled",
            Use.WRITE,
            (c, p) ->
                c.program.syscall(
                    Nr.PREADV2, c.direct, c.iovec(p, 512), 1, 0, 0, AioAbi.RWF_HIPRI)),
        new Argument(
            "write buffer, disk", Use.READ, (c, p) -> c.program.syscall(Nr.WRITE, c.disk, p, 512)),
        new Argument(
            "pwrite64 buffer, disk",
            Use.READ,
            (c, p) -> c.program.syscall(Nr.PWRITE64, c.disk, p, 512, 0)),
        new Argument(
            "pwritev vector", Use.READ, (c, p) -> c.program.syscall(Nr.PWRITEV, c.disk, p, 1, 0)),
        new Argument(
            "pwritev buffer, disk",
            Use.READ,
            (c, p) -> c.program.syscall(Nr.PWRITEV, c.disk, c.iovec(p, 512), 1, 0)),
        new Argument(
            "pwritev2 vector",
            Use.READ,
            (c, p) -> c.program.syscall(Nr.PWRITEV2, c.disk, p, 1, 0, 0, 0)),
        new Argument("io setup2 ctxp", Use.WRITE, (c, p) -> c.setup(0, c.sq, c.cq, p)),
        new Argument("io setup2 fixed buffer", Use.WRITE, (c, p) -> c.fixedBuffers(p)),
        new Argument(
            "ring pread", Use.WRITE, (c, p) -> c.ring(0, AioAbi.IOCB_CMD_PREAD, c.file, p, 512)),
        new Argument(
            "ring pread direct",
            Use.WRITE,
            (c, p) -> c.ring(0, AioAbi.IOCB_CMD_PREAD, c.direct, p, 512)),
        new Argument(
            "ring pread polled",
            Use.WRITE,
            (c, p) -> c.ring(AioAbi.IOCTX_FLAG_IOPOLL, AioAbi.IOCB_CMD_PREAD, c.direct, p, 512)),
        new Argument(
            "ring preadv vector",
            Use.READ,
            (c, p) -> c.ring(0, AioAbi.IOCB_CMD_PREADV, c.direct, p, 1)),
        new Argument(
            "ring preadv buffer, direct",
            Use.WRITE,
            (c, p) -> c.ring(0, AioAbi.IOCB_CMD_PREADV, c.direct, c.iovec(p, 512), 1)),
        new Argument(
            "ring preadv polled",
            Use.WRITE,
            (c, p) ->
                c.ring(
                    AioAbi.IOCTX_FLAG_IOPOLL,
                    AioAbi.IOCB_CMD_PREADV,
                    c.direct,
                    c.iovec(p, 512),
                    1)),
        new Argument(
            "ring pwrite, disk",
            Use.READ,
            (c, p) -> c.ring(0, AioAbi.IOCB_CMD_PWRITE, c.disk, p, 512)),
        new Argument(
            "ring pwrite polled",
            Use.READ,
            (c, p) -> c.ring(AioAbi.IOCTX_FLAG_IOPOLL, AioAbi.IOCB_CMD_PWRITE, c.disk, p, 512)),
        new Argument(
            "ring pwritev vector",
            Use.READ,
            (c, p) -> c.ring(0, AioAbi.IOCB_CMD_PWRITEV, c.disk, p, 1)));
  }

  private Map<String, Long> badPointers(Caller caller) {
    Program other = pollux.kernel().newProgram();
    long elsewhere =
        other.syscall(
            Nr.MMAP,
            0,
            PAGE,
            Mman.PROT_READ | Mman.PROT_WRITE,
            Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS,
            -1,
            0);
    assertThatCall(elsewhere).succeeds();
    long diskMemory = pollux.kernel().driver(PolluxKernel.SAMPLE_DISK, RamDisk.class).address();
    return caller.badPointers(diskMemory, elsewhere);
  }

  @ParameterizedTest
  @MethodSource("arguments")
  void isFaultedOrRefused(Argument argument) {
    Caller caller = new Caller(pollux.kernel().newProgram());
    Map<String, Long> bad = badPointers(caller);
    if (argument.use == Use.READ) {
      bad.remove("read-only");
    }
    bad.forEach(
        (what, pointer) -> {
          long result = argument.call.call(caller, pointer);
          if (what.equals("over the end") && result > 0) {
            assertThat(result).as(what).isBetween(1L, 4L); // what there was room for
          } else if (argument.direct() && (pointer & 511) != 0) {
            assertThatCall(result).as(what).failsWith(Errno.EINVAL, Errno.EFAULT);
          } else {
            assertThatCall(result).as(what).failsWith(Errno.EFAULT);
          }
        });
    stillWorks(caller);
  }

  @Test
  void ringsThatAreNoMemoryAreRefused(Program program) {
    Caller caller = new Caller(program);
    Map<String, Long> bad = badPointers(caller);
    bad.put("misaligned", caller.sq + 8);
    bad.forEach(
        (what, pointer) -> {
          // pages that can't be pinned
          int wanted = (pointer & (PAGE - 1)) != 0 ? Errno.EINVAL : Errno.ENOMEM;
          assertThatCall(caller.setup(0, pointer, caller.cq, caller.ctxp))
              .as("SQ " + what)
              .failsWith(wanted);
          assertThatCall(caller.setup(0, caller.sq, pointer, caller.ctxp))
              .as("CQ " + what)
              .failsWith(wanted);
          int iopoll = AioAbi.IOCTX_FLAG_IOPOLL;
          assertThatCall(caller.setup(iopoll, pointer, pointer, caller.ctxp))
              .as("both " + what)
              .failsWith(wanted);
        });
    stillWorks(caller);
  }

  @Test
  void contextsThatAreNoneAreInvalid(Program program) {
    Caller caller = new Caller(program);
    Map<String, Long> bad = badPointers(caller);
    bad.put("memory", caller.memory);
    bad.forEach(
        (what, pointer) -> {
          assertThatCall(program.syscall(Nr.IO_DESTROY, pointer)).as(what).failsWith(Errno.EINVAL);
          for (int flags = 0; flags < 4; flags++) {
            assertThatCall(program.syscall(Nr.IO_RING_ENTER, pointer, 1, 1, flags))
                .as(what)
                .failsWith(Errno.EINVAL);
          }
        });
    stillWorks(caller);
  }

  static Stream<Argument> directBuffers() {
    return arguments().stream()
        .filter(argument -> argument.direct() && !argument.name.contains("vector"));
  }

  @ParameterizedTest
  @MethodSource("directBuffers")
  void misalignedBuffersOfDirectIoAreInvalid(Argument argument) {
    Caller caller = new Caller(pollux.kernel().newProgram());
    for (int by : new int[] {1, 2, 4, 8, 256, 511}) {
      assertThatCall(argument.call.call(caller, caller.memory + 8 * PAGE + by))
          .as("by " + by)
          .failsWith(Errno.EINVAL);
    }
    assertThatCall(argument.call.call(caller, caller.memory + 8 * PAGE)).returns(512);
    stillWorks(caller);
  }

  private void stillWorks(Caller caller) {
    long buffer = caller.memory + 8 * PAGE;
    long got =
        caller.ring(
            AioAbi.IOCTX_FLAG_IOPOLL, AioAbi.IOCB_CMD_PREAD, caller.direct, buffer, 2 * PAGE);
    assertThatCall(got).returns(2 * PAGE);
    assertThat(SamplePattern.verify(buffer, got, 0)).isEqualTo(-1);
    for (int fd : new int[] {caller.file, caller.direct, caller.directory, caller.disk}) {
      assertThatCall(caller.program.syscall(Nr.CLOSE, fd)).returns(0);
    }
    pollux.kernel().assertNothingHeld();
  }
}
