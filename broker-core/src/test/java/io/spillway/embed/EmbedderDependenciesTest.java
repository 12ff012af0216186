package io.spillway.embed;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/** What comes along with this module to whoever embeds a broker. */
class EmbedderDependenciesTest {

  @Test
  void noLoggerIsImposedOnEmbedders() throws Exception {
    NodeList dependencies =
        DocumentBuilderFactory.newInstance()
            .newDocumentBuilder()
            .parse(Path.of("pom.xml").toFile())
            .getElementsByTagName("dependency");
    List<Element> loggers =
        IntStream.range(0, dependencies.getLength())
            .mapToObj(i -> (Element) dependencies.item(i))
            .filter(dependency -> text(dependency, "artifactId").matches("slf4j-simple|logback.*"))
            .toList();

    assertThat(loggers).hasSize(1);
    assertThat(text(loggers.get(0), "scope")).isEqualTo("runtime");
    assertThat(text(loggers.get(0), "optional")).isEqualTo("true");
  }

  private static String text(Element element, String name) {
    NodeList found = element.getElementsByTagName(name);
    return found.getLength() == 0 ? "" : found.item(0).getTextContent();
  }
}
