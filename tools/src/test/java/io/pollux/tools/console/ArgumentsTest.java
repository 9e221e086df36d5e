// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.console;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.userland.PathName;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.Charset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Bytes that come from the process's command line, and those that go out. */
@Timeout(10)
class ArgumentsTest {
  private static final Charset LOCALE =
      Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"));

  private static byte[] line(byte[]... words) {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (byte[] word : words) {
      line.writeBytes(word);
      line.write(0);
    }
    return line.toByteArray();
  }

  private static byte[] latin(String text) {
    return text.getBytes(ISO_8859_1);
  }

  @Test
  void everyByteThatWasTypedIsThere() {
    byte[] name = latin("image:/\377\376");
    String[] decoded = {"cat", new String(name, LOCALE), ""};
    String[] exact =
        Arguments.exact(
            decoded, line(latin("java"), latin("-cp"), latin("cat"), name, new byte[0]));
    assertThat(exact[0]).isEqualTo("cat");
    assertThat(PathName.of(exact[1]).bytes()).isEqualTo(name);
    assertThat(exact[2]).isEmpty();
  }

  @Test
  void anotherCommandLineIsNotTaken() {
    String[] decoded = {"cat", "/a"};
    assertThat(Arguments.exact(decoded, line(latin("java"), latin("cat"), latin("/b"))))
        .isSameAs(decoded);
    assertThat(Arguments.exact(decoded, line(latin("/a")))).isSameAs(decoded);
    assertThat(Arguments.exact(decoded, new byte[0])).isSameAs(decoded);
  }

  @Test
  void bytesInAMessageAreMadeVisible() {
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    new Console(OutputStream.nullOutputStream(), new PrintStream(err, true, UTF_8), stop -> {})
        .error("\udcff\n\udcfex: 🐟");
    assertThat(err.toString(UTF_8)).isEqualTo("pollux: \\xff \\xfex: 🐟\n");
  }

  @Test
  void standardOutputFailsOnce() throws IOException {
    int[] writes = new int[1];
    OutputStream file =
        new OutputStream() {
          @Override
          public void write(int value) throws IOException {
            if (++writes[0] > 1) {
              throw new IOException("Broken pipe");
            }
          }
        };
    UntilFailure out = new UntilFailure(file, Channels.newChannel(file));
    out.write(1);
    assertThatThrownBy(() -> out.write(2)).hasMessage("Broken pipe");
    out.write(new byte[10], 0, 10);
    out.write(ByteBuffer.allocate(10));
    out.flush();
    assertThat(writes[0]).isEqualTo(2);
  }

  @Test
  void nativeMemoryFollowsTheBytesBeforeIt() throws IOException {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    OutputStream buffered = new BufferedOutputStream(file);
    UntilFailure out = new UntilFailure(buffered, Channels.newChannel(file));
    out.write(new byte[] {'a', 'b'});
    out.write(ByteBuffer.allocateDirect(2).put(0, (byte) 'c').put(1, (byte) 'd'));
    out.write('e');
    out.flush();
    assertThat(file.toString(UTF_8)).isEqualTo("abcde");
  }

  @Test
  void aFileThatTakesNothingIsAnError() {
    WritableByteChannel full =
        new WritableByteChannel() {
          @Override
          public int write(ByteBuffer bytes) {
            return 0;
          }

          @Override
          public boolean isOpen() {
            return true;
          }

          @Override
          public void close() {}
        };
    UntilFailure out = new UntilFailure(OutputStream.nullOutputStream(), full);
    assertThatThrownBy(() -> out.write(ByteBuffer.allocate(1)))
        .hasMessage("Resource temporarily unavailable");
  }
}
