package io.spillway.embed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.config.StartRefusedException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DirectoryNoteTest {

  /** What version 1 looks like, for ever. */
  private static final String V1 =
      "version=1\ncluster.id=AAAAAAAAAAAAAAAAAAAAAQ\nwal.url=file:/var/lib/a = b \\\\ c\\nd\n";

  private static final DirectoryNote NOTE =
      new DirectoryNote("AAAAAAAAAAAAAAAAAAAAAQ", "file:/var/lib/a = b \\ c\nd");

  @TempDir Path dir;

  @Test
  void isReadAsItWasWritten() throws Exception {
    assertThat(DirectoryNote.read(dir)).isEmpty();
    NOTE.write(dir);
    assertThat(dir.resolve("meta.properties")).hasContent(V1);
    assertThat(DirectoryNote.read(dir)).contains(NOTE);
    assertThat(NOTE.walDir()).contains(Path.of("/var/lib/a = b \\ c\nd"));
    DirectoryNote inBucket = new DirectoryNote("x", "object:");
    inBucket.write(dir);
    assertThat(DirectoryNote.read(dir)).contains(inBucket);
    assertThat(inBucket.walDir()).isEmpty();
    try (var files = Files.list(dir)) {
      assertThat(files).as("nothing else is left").hasSize(1);
    }
  }

  @Test
  void whatItDoesNotUnderstandIsRefusedByName() throws Exception {
    requireRefused(V1.replace("version=1", "version=2"), "version 2, this build reads version 1");
    requireRefused("", "version none");
    requireRefused("version=1\nwal.url=object:\n", "cluster.id= and wal.url=object:");
    requireRefused("version=1\ncluster.id=x\nwal.url=s3\n", "wal.url=s3");
    requireRefused("version=1\ncluster.id=\\u00", "cannot be read");
    Files.write(dir.resolve("meta.properties"), new byte[] {(byte) 0xff, 0});
    assertThatThrownBy(() -> DirectoryNote.read(dir)).isInstanceOf(StartRefusedException.class);
  }

  private void requireRefused(String text, String reason) throws Exception {
    Files.writeString(dir.resolve("meta.properties"), text);
    assertThatThrownBy(() -> DirectoryNote.read(dir))
        .isInstanceOf(StartRefusedException.class)
        .hasMessageContainingAll(dir.resolve("meta.properties").toString(), reason, "delete it if");
  }
}
