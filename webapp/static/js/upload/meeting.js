// The page on which an instructor sends recordings of a meeting. Without this script the page's form
// sends one file as any form does.

import { filesPage } from "./files-page.js";

filesPage();
