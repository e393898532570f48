"""What can be put right in a submission before it is graded."""

from nbgrader.preprocessors import DeduplicateIds, NbGraderPreprocessor


class Deduplicate(DeduplicateIds):
    """A copied cell counts once, and the copy is an ordinary cell.

    nbgrader's own class leaves the copy an empty nbgrader entry, and then refuses the
    whole notebook because of it.
    """

    def preprocess_cell(self, cell, resources, cell_index):
        cell, resources = super().preprocess_cell(cell, resources, cell_index)
        if cell.metadata.get("nbgrader") == {}:
            del cell.metadata["nbgrader"]
        return cell, resources


class AddIds(NbGraderPreprocessor):
    """Cells that nbgrader puts back, because they were deleted, get an id."""

    def preprocess_cell(self, cell, resources, cell_index):
        if "id" not in cell:
            cell.id = f"restored-{cell_index}"
        return cell, resources
