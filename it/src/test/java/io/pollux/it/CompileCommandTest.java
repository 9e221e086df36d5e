// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The virtual machine says nothing about a compile command for a method that is not there any more,
 * so this does.
 */
class CompileCommandTest {
  private static final Pattern COMMAND =
      Pattern.compile("CompileCommand=dontinline,([\\w.$]+)::(\\w+)");

  @ParameterizedTest
  @ValueSource(strings = "tools/src/main/resources/io/pollux/tools/jit.options")
  void namesMethodsThatAreThere(String file) throws IOException, ClassNotFoundException {
    String text = Files.readString(Repository.file(file));
    assertThat(COMMAND.matcher(text).results()).isNotEmpty();
    for (MatchResult command : COMMAND.matcher(text).results().toList()) {
      Method[] methods =
          Class.forName(command.group(1), false, getClass().getClassLoader()).getDeclaredMethods();
      assertThat(Arrays.stream(methods).map(Method::getName)).contains(command.group(2));
    }
  }
}
