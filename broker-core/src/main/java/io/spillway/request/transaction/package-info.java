/** Transactional producers and those who administer them: one handler per API family. */
@NullMarked
package io.spillway.request.transaction;

import org.jspecify.annotations.NullMarked;
