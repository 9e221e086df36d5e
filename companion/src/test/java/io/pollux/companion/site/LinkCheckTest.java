// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.site;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.companion.source.Faults;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Links that lead nowhere are found. */
@Timeout(60)
class LinkCheckTest {
  @TempDir Path dir = Path.of("");

  private List<String> faults(String page) throws IOException {
    Files.createDirectories(dir.resolve("a"));
    Files.writeString(dir.resolve("a/page.html"), page);
    Files.writeString(dir.resolve("other.html"), "<p id=here>x</p>");
    Files.writeString(dir.resolve("file.css"), "");
    Faults faults = new Faults();
    LinkCheck.check(dir, List.of("a/page.html", "other.html"), faults);
    return faults.all();
  }

  @Test
  void goodLinksPass() throws IOException {
    assertThat(
            faults(
                "<link href=../file.css><a href=../other.html#here id=x>a</a><a href=#x>b</a>"
                    + "<a href=https://lore.kernel.org/>c</a>"))
        .isEmpty();
  }

  @Test
  void deadOnesDoNot() throws IOException {
    assertThat(faults("<a href=gone.html>a</a><a href=../other.html#gone>b</a><a href=#gone>c</a>"))
        .containsExactly(
            "a/page.html: the link to a/gone.html leads nowhere",
            "a/page.html: the link to a/page.html#gone leads to no anchor",
            "a/page.html: the link to other.html#gone leads to no anchor");
  }

  @Test
  void anIdIsUnique() throws IOException {
    assertThat(faults("<p id=x></p><p id=x></p>"))
        .containsExactly("a/page.html: two elements have the id x");
  }

  @Test
  void nothingIsLoadedFromElsewhere() throws IOException {
    assertThat(faults("<script src=https://example.org/x.js></script>"))
        .containsExactly("a/page.html: loads https://example.org/x.js");
  }
}
