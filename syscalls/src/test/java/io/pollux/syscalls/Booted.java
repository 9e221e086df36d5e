// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.driver.RamDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.mm.HostMemory;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import java.nio.charset.StandardCharsets;

/**
 * A kernel with one disk and one program that has some memory. Everything is back when it closes.
 */
final class Booted implements AutoCloseable {
  static final int PAGE = HostMemory.PAGE_SIZE;
  static final int DISK_BYTES = 1 << 20;
  static final int MEMORY_BYTES = 64 * PAGE;

  final RamDisk disk = new RamDisk(DISK_BYTES);
  final Kernel kernel = Kernel.boot();
  final Program program = kernel.newProgram();
  final long memory;

  Booted() {
    kernel.addDisk(disk.disk("ram0", 0x100, false));
    memory =
        program.syscall(
            Nr.MMAP,
            0,
            MEMORY_BYTES,
            Mman.PROT_READ | Mman.PROT_WRITE,
            Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS,
            -1,
            0);
    assertThat(memory).isPositive();
  }

  /** Opens a file; the last page of the memory is used for its name. */
  int open(String path, int flags) {
    return (int) program.syscall(Nr.OPEN, path(path), flags, 0644);
  }

  /** Puts a path into the last page of the memory. */
  long path(String path) {
    byte[] name = (path + "\0").getBytes(StandardCharsets.UTF_8);
    long at = memory + MEMORY_BYTES - PAGE;
    for (int i = 0; i < name.length; i++) {
      RawMemory.putByte(at + i, name[i]);
    }
    return at;
  }

  @Override
  public void close() throws ErrnoException {
    program.close();
    assertThat(kernel.held()).isEmpty();
    kernel.close();
    disk.close();
  }
}
