// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.Fcntl;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The lines of a dump that describe files and requests on files. */
@Timeout(60)
class FileDumpTest {
  private final FileTable table = new FileTable(true);
  private final Ramfs fs = new Ramfs(1);
  private final FilesStruct files = new FilesStruct();
  private final UserProcess process = new UserProcess();
  private final Task task = process.newTask();

  @AfterEach
  void close() {
    files.closeAll(task);
    process.exit();
  }

  private File open(FileTable counting, String path, int flags) throws ErrnoException {
    byte[] name = path.getBytes(StandardCharsets.UTF_8);
    return new Namei(fs.root(), counting).open(task, null, name, flags | Fcntl.O_CREAT, 0644);
  }

  @Test
  void aFileHasDescriptorPathFlagsAndReferences() throws ErrnoException {
    fs.mkdir("mnt");
    File file = open(table, "/mnt/main.dat", Fcntl.O_RDWR | Fcntl.O_APPEND);
    assertThat(file).hasToString("file /mnt/main.dat O_RDWR|O_APPEND refs 1");
    assertThat(files.install(file)).isEqualTo(3);
    assertThat(files.fget(3)).isSameAs(file);
    assertThat(file).hasToString("file 3 /mnt/main.dat O_RDWR|O_APPEND refs 2");
    assertThat(files.close(3)).isZero();
    assertThat(file).hasToString("file /mnt/main.dat O_RDWR|O_APPEND refs 1");
    file.fput();
  }

  @Test
  void aNameWithALineBreakStaysOneLine() throws ErrnoException {
    File file = open(table, "/a\nü", Fcntl.O_RDONLY | Fcntl.O_SYNC);
    assertThat(file).hasToString("file /a?ü O_RDONLY|O_SYNC refs 1");
    file.fput();
  }

  @Test
  void aFileWithoutANameHasTheNameOfItsKind() {
    File file = new File(table, fs.root(), null, Fcntl.O_PATH);
    assertThat(file).hasToString("file anon_inode:inode O_RDONLY|O_PATH refs 1");
    file.fput();
  }

  @Test
  void theTableListsOpenFilesWithDescriptorsAndThread() throws ErrnoException {
    assertThat(table.describe()).isEmpty();
    String thread = Thread.currentThread().getName();
    int first = files.install(open(table, "/b", Fcntl.O_RDONLY));
    int second = files.install(open(table, "/a", Fcntl.O_WRONLY));
    assertThat(files.dup(second, 7)).isEqualTo(7);
    assertThat(table.describe())
        .containsExactly(
            "file 3 /b O_RDONLY refs 1, opened by thread " + thread,
            "file 7 /a O_WRONLY refs 2, descriptors [4, 7], opened by thread " + thread);
    assertThat(files.dup3(task, first, 7)).isEqualTo(7);
    assertThat(table.describe())
        .containsExactly(
            "file 7 /b O_RDONLY refs 2, descriptors [3, 7], opened by thread " + thread,
            "file /a O_WRONLY refs 1, descriptors [4], opened by thread " + thread);
    files.closeAll(task);
    assertThat(table.describe()).isEmpty();
  }

  @Test
  void aTableThatDoesNotRecordFilesCountsThem() throws ErrnoException {
    FileTable counting = new FileTable(false);
    assertThat(counting.describe()).isEmpty();
    File file = open(counting, "/a", Fcntl.O_RDONLY);
    assertThat(counting.describe())
        .containsExactly("open files: 1, listed with -Dpollux.debug=true");
    file.fput();
    assertThat(counting.describe()).isEmpty();
  }

  @Test
  void aRequestHasDirectionPositionFlagsAndFile() throws ErrnoException {
    File file = open(table, "/a", Fcntl.O_RDWR | Fcntl.O_DSYNC);
    Kiocb iocb = new Kiocb();
    assertThat(iocb).hasToString("kiocb without a file");
    iocb.init(file, null);
    iocb.kiPos = 4096;
    assertThat(iocb)
        .hasToString(
            "kiocb read at 4096 DSYNC, synchronous, of file /a O_RDWR|O_DSYNC" + " refs 1");
    iocb.kiComplete = (done, res, res2) -> {};
    iocb.kiFlags = Kiocb.IOCB_WRITE | Kiocb.IOCB_DIRECT | Kiocb.IOCB_HIPRI;
    assertThat(iocb.toString()).startsWith("kiocb write at 4096 DIRECT|HIPRI of file /a ");
    file.fput();
  }
}
