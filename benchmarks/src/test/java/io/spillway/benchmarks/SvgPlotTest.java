package io.spillway.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.StringReader;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

class SvgPlotTest {

  private final SvgPlot plot = new SvgPlot("Latency <p99>", "ms", "readers", List.of("0", "16"));

  @Test
  void isAnImageWithALineForEachSeries() throws Exception {
    plot.add("one & two", "red", "", 1, 100);
    plot.add("three", "blue", "2 3", 10, 10);
    NodeList lines = parsed().getElementsByTagName("polyline");
    assertThat(lines.getLength()).isEqualTo(2);
    assertThat(((Element) lines.item(0)).getAttribute("stroke")).isEqualTo("red");
    assertThat(((Element) lines.item(1)).getAttribute("stroke-dasharray")).isEqualTo("2 3");
    assertThat(plot.svg()).contains("Latency &lt;p99&gt;", "one &amp; two");
  }

  @Test
  void equalFactorsAreEqualDistances() throws Exception {
    plot.add("rising", "red", "", 1, 100);
    plot.add("flat", "blue", "", 10, 10);
    double[] rising = heights(0);
    double[] flat = heights(1);
    assertThat(rising[0] - flat[0]).isEqualTo(flat[0] - rising[1]).isPositive();
    assertThat(flat[0]).isEqualTo(flat[1]);
  }

  @Test
  void refusesWhatHasNoLogarithmOrNoPlace() {
    assertThatThrownBy(() -> plot.add("zero", "red", "", 0, 1)).hasMessageContaining("zero");
    assertThatThrownBy(() -> plot.add("short", "red", "", 1)).hasMessageContaining("2 values");
  }

  private double[] heights(int line) throws Exception {
    String points =
        ((Element) parsed().getElementsByTagName("polyline").item(line)).getAttribute("points");
    return List.of(points.split(" ")).stream()
        .mapToDouble(point -> Double.parseDouble(point.substring(point.indexOf(',') + 1)))
        .toArray();
  }

  private Document parsed() throws Exception {
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new InputSource(new StringReader(plot.svg())));
  }
}
