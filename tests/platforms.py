"""Made-up downloads of learning platforms, and their lists: nobody in them exists.

``DOWNLOADS`` holds for each platform the files of a download in which Minna Noor handed
in twice or in an odd way, Åse O'Neil once, Bo Kim in a group or not at all, and what
lies beside the work. ``{one}``, ``{two}`` and ``{old}`` stand for notebooks.
"""

from dataclasses import dataclass, field

ONE, TWO, OLD = "{one}", "{two}", "{old}"  # Minna's, Åse's, and one that does not count


@dataclass(frozen=True)
class Made:
    """A download.

    Args:
        files: paths with what is in them.
        people: the platform's list, a CSV file.
        students: in the course, with the notebook that counts; None: nothing.
        without: the same without the list; None: it cannot be read without.
        late: who is late by the platform.
        unknown: how many files are reported and belong to nobody.
        names: in the gradebook: first and last name, e-mail.
    """

    files: dict[str, str]
    people: str
    students: dict[str, str | None]
    without: dict[str, str] | None = None
    late: tuple[str, ...] = ()
    unknown: int = 0
    names: dict[str, tuple[str, str, str | None]] = field(default_factory=dict)


DOWNLOADS = {
    "Canvas": Made(
        {
            "noorminna_70311_880123_hw1_backprop.ipynb": ONE,
            "oneilåse_LATE_70312_880124_hw1_backprop-1.ipynb": TWO,
            "guest_99999_880130_hw1_backprop.ipynb": OLD,
            "kimbo_70313_text.html": "<p>I could not finish</p>",
        },
        "Student,ID,SIS Login ID,Section,Homework 1 (5501),Final Score\n"
        ",,,,Manual Posting,(read only)\n"
        '"    Points Possible",,,,50.00,(read only)\n'
        '"Noor, Minna",70311,minna@example.org,A,,\n'
        '"O\'Neil, Åse",70312,ase@example.org,A,12.50,\n'
        '"Kim, Bo",70313,bo@example.org,B,,\n'
        '"Day, Eve",70314,eve@example.org,B,,\n'
        '"Student, Test",70999,,A,,\n',
        {"70311": ONE, "70312": TWO, "70313": None, "70314": None},
        {"70311": ONE, "70312": TWO, "99999": OLD},
        late=("70312",),
        unknown=1,
        names={"70311": ("Minna", "Noor", "minna@example.org")},
    ),
    "Moodle": Made(
        {
            "Minna Noor_51877_assignsubmission_file/hw1_backprop.ipynb": ONE,
            "Åse O'Neil_51878_assignsubmission_file_/work/hw1_backprop.ipynb": TWO,
            "Åse O'Neil_51878_assignsubmission_onlinetext/onlinetext.html": "<p>x</p>",
        },
        "\ufeffIdentifier,Full name,Email address,Status,Grade,Maximum Grade,"
        "Grade can be changed,Last modified (submission),Last modified (grade),"
        "Feedback comments\r\n"
        "Participant 51877,Minna Noor,minna@example.org,Submitted for grading,,"
        "50.00,Yes,,-,\r\n"
        "Participant 51878,Åse O'Neil,ase@example.org,Submitted for grading - late,"
        ",50.00,Yes,,-,\r\n"
        "Participant 51879,Bo Kim,bo@example.org,No submission,,50.00,Yes,-,-,\r\n",
        {"minna@example.org": ONE, "ase@example.org": TWO, "bo@example.org": None},
        names={"minna@example.org": ("Minna", "Noor", "minna@example.org")},
    ),
    "Moodle, flat, in German": Made(
        {
            "Minna Noor_51877_assignsubmission_file_hw1_backprop.ipynb": ONE,
            "Åse O'Neil_51878_assignsubmission_file_hw1 final.ipynb": TWO,
        },
        "ID;Vollständiger Name;E-Mail-Adresse;Status;Bewertung;Bestwertung;"
        "Bewertung kann geändert werden\n"
        "Teilnehmer/in 51877;Minna Noor;minna@example.org;Zur Bewertung;;50,00;Ja\n"
        "Teilnehmer/in 51878;Åse O'Neil;ase@example.org;Zur Bewertung;;50,00;Ja\n",
        {"minna@example.org": ONE, "ase@example.org": TWO},
    ),
    "Moodle, teams": Made(
        {
            "Team Red_12_assignsubmission_file/hw1_backprop.ipynb": ONE,
            "Default group_assignsubmission_file/hw1_backprop.ipynb": OLD,
        },
        "Identifier,Full name,Email address,Status,Group,Grade,Maximum Grade\n"
        "Participant 51877,Minna Noor,minna@example.org,Submitted,Team Red,,50.00\n"
        "Participant 51879,Bo Kim,bo@example.org,Submitted,Team Red,,50.00\n"
        "Participant 51880,Eve Day,eve@example.org,No submission,Default team,,50.00\n",
        {"minna@example.org": ONE, "bo@example.org": ONE, "eve@example.org": None},
        unknown=1,
    ),
    "Blackboard": Made(
        {
            "Homework 1_mnoor7_attempt_2026-01-30-10-20-30_hw1.ipynb": OLD,
            "Homework 1_mnoor7_attempt_2026-01-30-10-20-30.txt": "Name: Minna Noor (mnoor7)\n",
            "Homework 1_mnoor7_attempt_2026-01-31-10-20-30_hw1.ipynb": ONE,
            "Homework 1_mnoor7_attempt_2026-01-31-10-20-30.txt": "Name: Minna Noor (mnoor7)\n",
            "Homework 1_ase_1_attempt_2026-01-31-11-20-30_hw1.ipynb": TWO,
            "Homework 1_ase_1_attempt_2026-01-31-11-20-30.txt": "Name: Åse O'Neil (ase_1)\n",
        },
        '"Last Name","First Name","Username","Student ID","Last Access","Availability",'
        '"Homework 1 [Total Pts: 50 Score] |664617"\n'
        '"Noor","Minna","mnoor7","0017","2026-01-31","Yes",""\n'
        '"O\'Neil","Åse","ase_1","0018","2026-01-31","Yes",""\n'
        '"Kim","Bo","bkim","0019","","Yes",""\n',
        {"mnoor7": ONE, "ase_1": TWO, "bkim": None},
        {"mnoor7": ONE, "ase_1": TWO},
        names={"mnoor7": ("Minna", "Noor", None)},
    ),
    "Brightspace": Made(
        {
            "index.html": "<html></html>",
            "39786-640693 - Minna Noor - Oct 10, 2026 1022 AM/hw1.ipynb": OLD,
            "39786-640693 - Minna Noor - Oct 11, 2026 0803 PM/hw1.ipynb": ONE,
            "39787-640693 - Åse O'Neil - Oct 11, 2026 1:05 PM/hw1.ipynb": TWO,
            "39788-640693 - Sam Lee - Oct 11, 2026 1:06 PM/hw1.ipynb": OLD,
        },
        "OrgDefinedId,Username,Last Name,First Name,"
        "Homework 1 Points Grade <Numeric MaxPoints:50 Weight:5>,End-of-Line Indicator\r\n"
        "#0017,#mnoor7,Noor,Minna,,#\r\n"
        "#0018,#ase.oneil,O'Neil,Åse,,#\r\n"
        "#0020,#slee1,Lee,Sam,,#\r\n"
        "#0021,#slee2,Lee,Sam,,#\r\n",
        {"mnoor7": ONE, "ase.oneil": TWO, "slee1": None, "slee2": None},
        unknown=1,
    ),
    "Gradescope": Made(
        {
            "assignment_9100_export/submission_metadata.yml": "submission_4567:\n"
            "  :submitters:\n  - :name: Minna Noor\n    :sid: '0017'\n"
            "    :email: minna@example.org\n  - :name: Bo Kim\n    :email: bo@example.org\n"
            "  :created_at: 2026-01-31 10:20:30 Z\n"
            "submission_4568:\n  :submitters:\n  - :name: Åse O'Neil\n    :sid: '0018'\n"
            "    :email: ase@example.org\n",
            "assignment_9100_export/submission_4567/hw1_backprop.ipynb": ONE,
            "assignment_9100_export/submission_4568/hw1_backprop.ipynb": TWO,
        },
        "First Name,Last Name,SID,Email,Sections\n"
        "Minna,Noor,0017,minna@example.org,\n"
        "Åse,O'Neil,0018,ase@example.org,\n"
        "Bo,Kim,0019,bo@example.org,\n",
        {"0017": ONE, "0018": TWO, "0019": ONE},
        {"0017": ONE, "0018": TWO, "bo@example.org": ONE},
        names={"0017": ("Minna", "Noor", "minna@example.org")},
    ),
    "ILIAS": Made(
        {
            "Homework 1/Abgaben/Noor_Minna_mnoor7_70311/hw1_backprop.ipynb": ONE,
            "Homework 1/Abgaben/ONeil_Ase_aoneil_70312/hw1_backprop (2).ipynb": TWO,
        },
        "username,email,name\nmnoor7,minna@example.org,Minna Noor\n"
        "aoneil,ase@example.org,Åse O'Neil\n",
        {"mnoor7": ONE, "aoneil": TWO},
        {"mnoor7": ONE, "aoneil": TWO},
    ),
    "OpenOlat": Made(
        {
            "ita_77_2026/Noor_Minna_mnoor7/1_task/hw1_backprop.ipynb": OLD,
            "ita_77_2026/Noor_Minna_mnoor7/2_submissions/hw1_backprop.ipynb": OLD,
            "ita_77_2026/Noor_Minna_mnoor7/3_revisions_1/hw1_backprop.ipynb": ONE,
            "ita_77_2026/ONeil_Ase_aoneil/2_submissions/hw1_backprop.ipynb": TWO,
        },
        "username\temail\nmnoor7\tminna@example.org\naoneil\tase@example.org\n",
        {"mnoor7": ONE, "aoneil": TWO},
        {"mnoor7": ONE, "aoneil": TWO},
    ),
    "Sakai": Made(
        {
            "Homework 1/Noor, Minna(mnoor7)/timestamp.txt": "20260131",
            "Homework 1/Noor, Minna(mnoor7)/Submission attachment(s)/hw1.ipynb": ONE,
            "Homework 1/O'Neil, Åse(aoneil)/Submission attachment(s)/hw1.ipynb": TWO,
            "Homework 1/O'Neil, Åse(aoneil)/comments.txt": "",
        },
        "id,first_name,last_name,email\nmnoor7,Minna,Noor,minna@example.org\n"
        "aoneil,Åse,O'Neil,ase@example.org\nbkim,Bo,Kim,bo@example.org\n",
        {"mnoor7": ONE, "aoneil": TWO, "bkim": None},
        {"mnoor7": ONE, "aoneil": TWO},
        names={"mnoor7": ("Minna", "Noor", "minna@example.org")},
    ),
    "GitHub": Made(
        {
            "hw-1-submissions/hw-1-mnoor7/hw1_backprop.ipynb": ONE,
            "hw-1-submissions/hw-1-mnoor7/.git/config": "",
            "hw-1-submissions/hw-1-ase-oneil/hw1_backprop.ipynb": TWO,
            "hw-1-submissions/hw-1-ase-oneil/.git/config": "",
        },
        '"identifier","github_username","github_id","name"\n'
        '"0017","mnoor7","1","Minna Noor"\n"0018","ase-oneil","2","Åse O\'Neil"\n'
        '"0019","","",""\n',
        {"0017": ONE, "0018": TWO, "0019": None},
        {"mnoor7": ONE, "ase-oneil": TWO},
    ),
    "nbgrader's exchange": Made(
        {
            "mnoor7+hw1_backprop+2026-01-30 10:20:30.123456 UTC+aB3_dE-9xY0z/hw1_backprop.ipynb": OLD,
            "mnoor7+hw1_backprop+2026-01-31 10:20:30.123456 UTC+aB3_dE-9xY0z/hw1_backprop.ipynb": ONE,
            "ase+hw1_backprop+2026-01-31 10:20:30.123456 UTC+aB3_dE-9xY0y/hw1_backprop.ipynb": TWO,
        },
        "id,first_name\nmnoor7,Minna\nase,Åse\n",
        {"mnoor7": ONE, "ase": TWO},
        {"mnoor7": ONE, "ase": TWO},
    ),
    "people's own names": Made(
        {
            "class/mnoor7/hw1_backprop.ipynb": ONE,
            "class/ase_hw1_backprop.ipynb": TWO,
        },
        "username,email\nmnoor7,minna@example.org\nase,ase@example.org\nbo,bo@example.org\n",
        {"mnoor7": ONE, "ase": TWO, "bo": None},
        {"mnoor7": ONE, "ase": TWO},
    ),
}
